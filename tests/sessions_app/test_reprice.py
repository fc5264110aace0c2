"""The ledger of usage, and pricing what was used before by what is known today."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from bus.bus import bus
from bus.exceptions import Forbidden
from bus.log import store
from bus.log.transaction import transact
from bus.messages import SYSTEM, Actor, Context, uuid7
from sessions_app import commands, events, metrics
from sessions_app.handlers import tokens
from sessions_app.llm import catalog
from sessions_app.llm.base import Usage
from sessions_app.metrics import Source
from sessions_app.models import ModelEntry, Run, Session, UsageEntry
from sessions_app.state import state_at
from sessions_app.values import MetricsPatch, SessionConfig, TokenMetrics
from tests.story import Story, assert_replay_rebuilds_the_same_rows

UNKNOWN = SessionConfig(provider="nobody", model="unknown")


@pytest.fixture(autouse=True)
def _read_anew(db: None) -> Iterator[None]:
    catalog.rows.forget()
    yield
    catalog.rows.forget()


@pytest.fixture
def unknown() -> Story:
    """A session with a model nobody has prices of."""
    return new(UNKNOWN)


def new(config: SessionConfig) -> Story:
    return Story(bus.execute(commands.CreateSession(config=config)).data["id"], SYSTEM)


def price(model: str = "unknown", provider: str = "nobody", **prices: float) -> None:
    """From now on, and for the last hour too, a million tokens cost this."""
    ModelEntry.objects.filter(provider=provider, model=model).delete()
    said = {name: Decimal(str(value)) for name, value in prices.items()}
    ModelEntry.objects.create(provider=provider, model=model, valid_from=timezone.now() - timedelta(hours=1), **said)
    catalog.rows.forget()


def count(story: Story, prompt: int = 0, completion: int = 0) -> None:
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=prompt, completion_tokens=completion)


def total(story: Story) -> Any:
    """The session's cost, which the fold over its events says too."""
    session = Session.objects.get(id=story.id)
    state = state_at(story.id, store.version(story.id) or 0)
    assert state.metrics == session.metrics
    return session.estimated_cost


def reprice(*options: str) -> str:
    out = StringIO()
    call_command("reprice", *options, stdout=out)
    return out.getvalue()


def test_a_run_costs_what_its_requests_do_once_the_prices_are_known(unknown: Story) -> None:
    run = uuid7()
    used = [
        events.RunRequested(run_id=run, conversation_id=unknown.id, provider="nobody", model="unknown", waits=True),
        *metrics.used(Session.objects.get(id=unknown.id), Usage(input_tokens=1), Source("nobody", "unknown", run)),
        *metrics.used(Session.objects.get(id=unknown.id), Usage(output_tokens=2), Source("nobody", "unknown", run)),
    ]
    command = commands.CancelRun(session_id=unknown.id, run_id=run)
    with transaction.atomic():
        transact(bus.registry, command, Context(), lambda: iter(used), announce=lambda _: None)
    assert Run.objects.get(id=run).cost is None
    price(input_price=1)
    reprice()
    assert Run.objects.get(id=run).cost is None, "half of it is unknown"
    price(input_price=1, output_price=3)
    reprice()
    assert Run.objects.get(id=run).cost == Decimal("0.000007")
    assert_replay_rebuilds_the_same_rows()


def test_every_count_is_entered_with_what_it_was_made_of(story: Story) -> None:
    count(story, 3, 2)
    entry = UsageEntry.objects.get()
    (event,) = story.events(after=1)
    assert (entry.id, entry.at, entry.session_id) == (event.id, event.recorded_at, story.id)
    assert (entry.provider, entry.model, entry.run, entry.conversation) == ("echo", "echo", None, None)
    assert (entry.usage, entry.cost) == (Usage(input_tokens=3, output_tokens=2), Decimal(0))
    assert_replay_rebuilds_the_same_rows()


def test_a_run_is_entered_under_its_own_model_and_conversation(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    run = story.tell(commands.AddMessage, content="hello", answer=True).data["answer_run_id"]
    usage = Usage(
        input_tokens=10, cache_read_tokens=4, cache_write_tokens=3, output_tokens=2, reasoning_tokens=1, raw={"a": [1]}
    )

    def used(command: commands.UpdateTokenMetrics, context: Context) -> Any:
        source = metrics.Source("openai", "gpt-4o", run)
        yield from metrics.used(Session.objects.get(id=story.id), usage, source, context=20)

    monkeypatch.setitem(cast("dict[Any, Any]", bus.registry.handlers), commands.UpdateTokenMetrics, used)
    count(story)
    entry = UsageEntry.objects.get()
    assert (entry.provider, entry.model, str(entry.run), entry.conversation) == ("openai", "gpt-4o", run, story.id)
    assert (entry.usage, entry.raw) == (usage, {"a": [1]})
    session = Session.objects.get(id=story.id)
    assert (session.prompt_tokens, session.completion_tokens, session.context_tokens) == (17, 3, 20)
    assert_replay_rebuilds_the_same_rows()


def test_calls_counted_by_one_handler_come_on_top_of_each_other(
    unknown: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(command: commands.UpdateTokenMetrics, context: Context) -> Any:
        session = Session.objects.get(id=unknown.id)
        for number in (1, 2, 3):
            usage = Usage(input_tokens=number * 1_000_000, output_tokens=1)
            yield from metrics.used(session, usage, metrics.Source("openai", "gpt-4"), context=number)

    monkeypatch.setitem(cast("dict[Any, Any]", bus.registry.handlers), commands.UpdateTokenMetrics, used)
    count(unknown)
    assert total(unknown) == Decimal("180.00018")
    row = Session.objects.get(id=unknown.id)
    assert (row.prompt_tokens, row.completion_tokens, row.context_tokens) == (6_000_000, 3, 3)
    assert_replay_rebuilds_the_same_rows()


def test_a_correction_of_totals_is_no_usage(story: Story) -> None:
    story.tell(commands.UpdateSession, metrics=MetricsPatch(prompt_tokens=7))
    assert not UsageEntry.objects.exists()


def test_an_event_of_the_first_schema_is_entered_as_plain_counts(unknown: Story) -> None:
    old = events.TokenMetricsUpdated(
        session_id=unknown.id,
        prompt_tokens=1_000_000,
        completion_tokens=5,
        cost=None,
        context_tokens=5,
        metrics=TokenMetrics.of(1_000_000, 5, None, 5, None),
    )
    bus.record(old)
    entry = UsageEntry.objects.get()
    assert (entry.model, entry.usage) == ("unknown", Usage(input_tokens=1_000_000, output_tokens=5))
    price(input_price=2, output_price=0)
    reprice()
    assert total(unknown) == 2
    assert_replay_rebuilds_the_same_rows()


def test_one_unknown_cost_makes_the_total_unknown_until_it_is_repriced(unknown: Story) -> None:
    price(input_price=1)
    count(unknown, prompt=1_000_000)
    assert total(unknown) == 1
    count(unknown, completion=500_000)
    count(unknown, prompt=1_000_000)
    assert total(unknown) is None
    price(input_price=1, output_price=4)
    said = reprice()
    assert total(unknown) == 4
    assert f"session {unknown.id}: +2" in said
    assert "1 entries examined, 1 were repriced" in said
    assert unknown.types(after=4) == ["session-repriced"]
    assert_replay_rebuilds_the_same_rows()


def test_the_total_stays_unknown_as_long_as_one_cost_is(unknown: Story) -> None:
    count(unknown, prompt=1_000_000)
    count(unknown, completion=1_000_000)
    price(input_price=3)
    assert "1 still have no price" in reprice()
    assert total(unknown) is None
    assert [entry.cost for entry in UsageEntry.objects.order_by("id")] == [3, None]
    price(input_price=3, output_price=5)
    reprice()
    assert total(unknown) == 8
    assert_replay_rebuilds_the_same_rows()


def test_repricing_twice_changes_nothing_the_second_time(unknown: Story) -> None:
    count(unknown, prompt=1_000_000)
    price(input_price=3)
    for options in ((), ("--all",)):
        reprice(*options)
        before = unknown.types()
        assert " 0 were repriced, +0" in reprice(*options)
        assert unknown.types() == before
    assert total(unknown) == 3


def test_known_costs_are_repriced_only_if_asked_and_never_lost(unknown: Story) -> None:
    price(input_price=3)
    count(unknown, prompt=1_000_000)
    price(input_price=1)
    assert "0 entries examined" in reprice()
    assert total(unknown) == 3
    assert "1 were repriced, -2" in reprice("--all")
    assert total(unknown) == 1
    ModelEntry.objects.all().delete()
    catalog.rows.forget()
    reprice("--all")
    assert total(unknown) == 1
    assert_replay_rebuilds_the_same_rows()


def test_a_dry_run_says_the_same_and_does_nothing(unknown: Story) -> None:
    count(unknown, prompt=1_000_000)
    price(input_price=3)
    before = unknown.types()
    assert "1 would be repriced, +3" in reprice("--dry-run")
    assert (unknown.types(), total(unknown)) == (before, None)


def test_only_the_usage_that_is_meant_is_repriced(unknown: Story) -> None:
    other = new(SessionConfig(provider="nobody", model="other"))
    for story in (unknown, other):
        count(story, prompt=1_000_000)
    price("unknown", input_price=3)
    price("other", input_price=4)
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    for options in (["--provider=nobodies"], ["--model=others"], [f"--since={tomorrow}"]):
        assert "0 entries examined" in reprice(*options)
    reprice("--model=other", "--provider=nobody", "--since=2020-01-01")
    assert (total(unknown), total(other)) == (None, 4)


def test_a_price_from_later_on_is_not_that_of_before(unknown: Story) -> None:
    count(unknown, prompt=1_000_000)
    ModelEntry.objects.create(provider="nobody", model="unknown", input_price=1, valid_from=timezone.now())
    catalog.rows.forget()
    assert "1 still have no price that was valid" in reprice()
    assert total(unknown) is None


def test_a_long_ledger_is_repriced_page_by_page(unknown: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        count(unknown, prompt=1_000_000)
    count(unknown, completion=1)
    price(input_price=3)
    monkeypatch.setattr(tokens, "REPRICED_AT_ONCE", 2)
    assert "6 entries examined, 5 were repriced, +15" in reprice()
    assert total(unknown) is None
    price(input_price=3, output_price=1_000_000)
    assert "1 entries examined, 1 were repriced, +1" in reprice()
    assert total(unknown) == 16
    assert_replay_rebuilds_the_same_rows()


def test_a_session_that_is_deleted_meanwhile_is_passed_over(unknown: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    count(unknown, prompt=1_000_000)
    other = new(UNKNOWN)
    count(other, prompt=1_000_000)
    price(input_price=3)
    execute = bus.execute

    def late(command: Any, context: Context) -> Any:
        if command.session_id == unknown.id:
            execute(commands.DeleteSession(session_id=unknown.id))
        return execute(command, context)

    monkeypatch.setattr(bus, "execute", late)
    assert "1 were repriced, +3" in reprice()
    assert [entry.session_id for entry in UsageEntry.objects.all()] == [other.id]


def test_repricing_is_for_operators(story: Story) -> None:
    with pytest.raises(Forbidden):
        story.tell(commands.RepriceSession)
    for actor in (Actor("staff", "1"), SYSTEM):
        bus.execute(commands.RepriceSession(session_id=story.id), Context(actor=actor))


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="is not a time"):
        reprice("--since=yesterday")


def test_repricing_nothing_says_so() -> None:
    assert "0 entries examined, 0 were repriced, +0 USD." in reprice()
