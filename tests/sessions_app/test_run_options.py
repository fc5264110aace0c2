"""What a run says for itself: its own configuration, a time limit, a delay, a budget."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.log.transaction import transact
from bus.messages import SYSTEM, Actor, Context, uuid7
from bus.models import Work
from bus.work import queue, runner
from sessions_app import commands, events
from sessions_app.llm import catalog, tools
from sessions_app.llm.base import Finish, Piece, ProviderError, TextDelta, ToolCall, Usage
from sessions_app.llm.budgets import BudgetExhausted
from sessions_app.models import Message, ModelEntry, Run, RunChunk
from sessions_app.values import ConfigPatch, RunBudget, RunConfig, SessionConfig, text_of, to_content
from tests.odd_provider import CALLS, DONE, PATH, OddProvider
from tests.runs import ask, do, settled, texts, told, until
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)

SLOW: Any = {"delay": 0.02, "repeat": 500, "text": "word"}


@pytest.fixture(autouse=True)
def _odd(settings: Settings) -> Iterator[None]:
    settings.LLM_PROVIDERS = {**settings.LLM_PROVIDERS, "odd": PATH}
    settings.RUN_RETRY_PAUSE = 0.001
    OddProvider.asked.clear()
    yield
    catalog.rows.forget()


def odd(user: User, *answers: list[Piece | Exception], **config: Any) -> Story:
    """A session whose model answers like that."""
    OddProvider.answers[:] = list(answers)
    made = commands.CreateSession(config=SessionConfig(provider="odd", model="odd", **config))
    actor = Actor("user", str(user.pk))
    return Story(bus.execute(made, Context(actor=actor)).data["id"], actor)


def call(name: str = "clock") -> list[Piece | Exception]:
    """The model asks for a tool, for 15 tokens."""
    return [ToolCall(tool_call_id="a", name=name, args={}), CALLS]


def limits() -> list[int | None]:
    """The `max_tokens` of the requests."""
    return [request.max_tokens for request in OddProvider.asked]


# -- configuration -----------------------------------------------------------------------------------------------------


def test_a_run_has_a_configuration_of_its_own(alice: User) -> None:
    options = {"temperature": 1.5, "max_completion_tokens": 7, "seed": 1}
    story = odd(alice, [TextDelta("ok"), DONE], temperature=1.0, max_tokens=500, provider_options=options)
    do(ask(story, config=RunConfig(temperature=0.25)))
    again = do(ask(story, config=RunConfig(max_tokens=20)))
    do(ask(story))
    said = [(request.temperature, request.max_tokens, request.options) for request in OddProvider.asked]
    assert said == [
        (0.25, 500, {"max_completion_tokens": 7, "seed": 1}),
        (1.0, 20, {"temperature": 1.5, "seed": 1}),
        (1.0, 500, options),
    ]
    assert Run.objects.get(id=again.id).config == {"max_tokens": 20}
    assert_replay_rebuilds_the_same_rows()


def test_a_retry_has_what_the_run_before_had(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), Finish(reason="length", usage=Usage(input_tokens=10, output_tokens=5))])
    own: dict[str, Any] = {"config": RunConfig(max_tokens=20), "timeout": 30.0, "budget": RunBudget(usd=Decimal("0.5"))}
    first = do(ask(story, **own))
    for again in (commands.RetryRun, commands.ContinueRun):
        run = do(story.tell(again, run_id=first.id).data["id"])
        assert (run.config, run.timeout, run.budget) == ({"max_tokens": 20}, 30.0, {"usd": "0.5"})


# -- time --------------------------------------------------------------------------------------------------------------


def test_a_run_out_of_time_keeps_what_it_had_said_and_ends_once(alice: User) -> None:
    story = told(alice, **SLOW)
    run = do(ask(story, timeout=0.8, on_interrupt="retry"))
    assert (run.state, run.error_code, run.failures) == ("failed", "timeout", [])
    message = Message.objects.get(run=run.id, role="assistant")
    assert text_of(to_content(message.content)).startswith("[echo] word")
    assert (message.id, message.metadata) == (run.message, {"incomplete": True})
    assert run.completion_tokens
    assert story.types().count("run-failed") == 1
    assert Work.objects.get(id=run.id).state == "done"
    assert not RunChunk.objects.exists()
    assert_replay_rebuilds_the_same_rows()


def test_an_answer_in_time_is_not_touched(alice: User) -> None:
    assert do(ask(told(alice), timeout=20)).state == "completed"


def test_a_cancel_before_the_time_is_over_is_a_cancel(alice: User) -> None:
    story = told(alice, **SLOW)
    run = ask(story, timeout=20)
    assert runner.run(run)
    until(run, state="running")
    story.tell(commands.CancelRun, run_id=run)
    assert settled(run).finish_reason == "cancelled"


def test_of_a_cancel_and_the_end_of_its_time_that_meet_the_cancel_counts(alice: User) -> None:
    story = told(alice)
    run = ask(story, timeout=20)
    worker = Story(story.id, SYSTEM)
    worker.tell(commands.StartRun, run_id=run)
    story.tell(commands.CancelRun, run_id=run)
    worker.tell(commands.EndRun, run_id=run, outcome="failed", code="timeout", error="late", text="so far")
    ended = Run.objects.get(id=run)
    assert (ended.state, ended.finish_reason, ended.error) == ("incomplete", "cancelled", "")
    assert texts(story)[-1] == ("assistant", "so far")


def test_the_time_goes_on_when_a_run_is_taken_up_again(alice: User) -> None:
    story = odd(alice, [ProviderError("later", code="unavailable", permanent=False)], [TextDelta("ok"), DONE])
    run = do(ask(story, timeout=30))
    assert (run.state, run.deadline) == ("queued", run.started_at + timedelta(seconds=30))  # type: ignore[operator]
    Run.objects.filter(id=run.id).update(deadline=run.started_at)
    while not (late := Run.objects.get(id=run.id)).finished_at:
        if runner.run(run.id):
            settled(run.id)
    assert (late.state, late.error_code) == ("failed", "timeout")


def test_a_pause_that_would_be_too_long_is_not_waited_for(alice: User) -> None:
    story = odd(alice, [ProviderError("later", code="rate-limited", permanent=False, retry_after=60)])
    run = do(ask(story, timeout=5))
    assert (run.state, run.error_code) == ("failed", "rate-limited")


def test_the_time_a_person_takes_to_decide_is_not_the_runs(alice: User) -> None:
    tools.default.tool(name="guarded", approval=True)(lambda: "done")
    try:
        story = odd(alice, call("guarded"), [TextDelta("ok"), DONE], tools=["guarded"])
        run = do(ask(story, timeout=10))
        assert (run.state, run.deadline) == ("requires_action", None)
        assert run.time_left is not None
        assert timedelta(seconds=5) < run.time_left < timedelta(seconds=10)
        (call_id,) = run.decisions
        story.tell(commands.DecideToolCall, run_id=run.id, tool_call_id=call_id, approve=True)
        assert do(run.id).state == "completed"
    finally:
        del tools.default.tools["guarded"]
    assert_replay_rebuilds_the_same_rows()


def test_a_tool_that_takes_too_long_ends_the_run(alice: User) -> None:
    leave = threading.Event()
    tools.default.tool(name="dawdle")(lambda: str(leave.wait(10)))
    try:
        run = do(ask(odd(alice, call("dawdle"), tools=["dawdle"]), timeout=0.2))
    finally:
        leave.set()
        del tools.default.tools["dawdle"]
    assert (run.state, run.error_code) == ("failed", "timeout")


# -- delay -------------------------------------------------------------------------------------------------------------


def requested_later(story: Story, run: UUID, **more: Any) -> None:
    """As a handler that asks for a delay requests it."""
    wanted = events.RunRequested(
        run_id=run, conversation_id=story.id, provider="echo", model="echo", delay=60.0, **more
    )
    command = commands.RequestRun(session_id=story.id)
    with transaction.atomic():
        transact(bus.registry, command, Context(actor=story.actor), lambda: iter([wanted]), announce=lambda _: None)


def test_a_delayed_run_is_not_taken_up_before(alice: User) -> None:
    story, run, following = told(alice), uuid7(), uuid7()
    requested_later(story, run)
    requested_later(story, following, waits=True)
    assert not runner.run(run)
    assert timedelta(seconds=55) < delay_of(run) <= timedelta(seconds=60)
    Run.objects.filter(id=following).update(queued_at=Run.objects.get(id=run).queued_at - timedelta(seconds=30))
    story.tell(commands.CancelRun, run_id=run)
    assert timedelta(seconds=20) < delay_of(following) <= timedelta(seconds=30), "it has waited half of it already"
    queue.drop(following)


def delay_of(run: UUID) -> timedelta:
    work = Work.objects.get(id=run)
    return work.run_after - work.created_at


# -- budget ------------------------------------------------------------------------------------------------------------


def test_a_run_that_its_budget_does_not_reach_for_is_refused(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), DONE])
    with pytest.raises(BudgetExhausted, match="budget of this run is 100 tokens; 100 are left"):
        ask(story, "many words " * 100, budget=RunBudget(tokens=100))
    assert not Run.objects.exists()
    story.tell(commands.UpdateSession, config=ConfigPatch(system_prompt="Be kind. " * 100))
    with pytest.raises(BudgetExhausted):
        ask(story, "few", budget=RunBudget(tokens=100))


def test_an_answer_may_be_as_long_as_the_budget_reaches(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), DONE])
    for budget, max_tokens in ((1_000, None), (1_000, 50), (50_000, None), (200_000, None)):
        assert (
            do(ask(story, budget=RunBudget(tokens=budget), config=RunConfig(max_tokens=max_tokens))).state
            == "completed"
        )
    first, second, third, fourth = limits()
    assert first is not None
    assert 900 < first < 1_000
    assert (second, third, fourth) == (50, 8_192, None), "what is asked for, what room is kept for, no need for a limit"


def test_what_came_before_counts_too_before_the_first_request(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), DONE])
    story.tell(commands.AddMessage, content="many words " * 200)
    run = do(ask(story, "few", budget=RunBudget(tokens=100)))
    assert (run.state, run.error_code, OddProvider.asked) == ("failed", "budget-exhausted", [])


def test_a_budget_ends_a_loop_of_tools_before_the_request_it_does_not_reach_for(alice: User) -> None:
    story = odd(alice, call(), tools=["clock"])
    run = do(ask(story, budget=RunBudget(tokens=200)))
    assert (run.state, run.error_code) == ("failed", "budget-exhausted")
    used = (run.prompt_tokens or 0) + (run.completion_tokens or 0)
    assert used <= 200
    assert used == 15 * len(OddProvider.asked)
    assert [limit for limit in limits() if limit is not None] == sorted(limits(), reverse=True)  # type: ignore[type-var]
    assert texts(story)[-1][0] == "tool", "what the tool answered is kept"
    assert_replay_rebuilds_the_same_rows()


def test_money_pays_for_the_prompt_first_and_then_for_the_answer(alice: User) -> None:
    ModelEntry.objects.create(provider="odd", model="priced", input_price=100, output_price=1_000)
    catalog.rows.forget()
    story = odd(alice, call(), [TextDelta("ok"), DONE], tools=["clock"])
    with pytest.raises(BudgetExhausted, match=r"is 0\.0001 USD; 0\.0001 are left"):
        ask(story, model="priced", budget=RunBudget(usd=Decimal("0.0001")))
    run = do(ask(story, model="priced", budget=RunBudget(usd=Decimal("0.1"))))
    assert (run.state, run.cost) == ("completed", 2 * Decimal("0.006"))
    first, second = limits()
    assert first is not None
    assert second is not None
    assert 80 < second < first < 100
    assert_replay_rebuilds_the_same_rows()


def test_money_needs_a_price(alice: User, settings: Settings) -> None:
    settings.LLM_PROVIDERS = {**settings.LLM_PROVIDERS, "openai": "sessions_app.llm.providers.openai.OpenAIProvider"}
    story = odd(alice, [TextDelta("ok"), DONE])
    with pytest.raises(BudgetExhausted, match="the price of this model is not known"):
        ask(story, provider="openai", model="nobody-knows", budget=RunBudget(usd=Decimal(5)))
    run = do(ask(story, budget=RunBudget(usd=Decimal("0.0001"))))
    assert (run.state, limits()) == ("completed", [None]), "what is free costs nothing"
    assert run.cost == 0


@pytest.mark.parametrize("usd", ["0", "-1", "NaN", "Infinity", "1e10", "1e-17"])
def test_a_budget_is_an_amount_of_money(usd: str) -> None:
    with pytest.raises(ValueError, match="USD"):
        RunBudget(usd=Decimal(usd))
