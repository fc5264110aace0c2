"""Runs with providers, users and moments that are up to no good: each once broke something."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.exceptions import AlreadyExists
from bus.messages import SYSTEM, Actor, Context, uuid7
from bus.models import Work
from bus.work import lease, queue, runner
from sessions_app import commands
from sessions_app.llm import budgets, engine, leftovers, tools
from sessions_app.llm.base import Finish, Piece, ProviderError, TextDelta, ToolCall, Usage
from sessions_app.models import Budget, BudgetUse, Message, Reservation, Run, Session, UsageEntry
from sessions_app.values import ConfigPatch, SessionConfig, ToolCallPart, text_of, to_content
from tests.odd_provider import CALLS, DONE, PATH, OddProvider
from tests.runs import ask, do, settled, texts, told
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _odd(settings: Settings) -> Any:
    settings.LLM_PROVIDERS = {**settings.LLM_PROVIDERS, "odd": PATH}
    settings.RUN_RETRY_PAUSE = 0.001
    OddProvider.asked.clear()


def odd(user: User, *answers: list[Piece | Exception], offered: list[str] | None = None) -> Story:
    """A session whose model answers like that."""
    OddProvider.answers[:] = list(answers)
    actor = Actor("user", str(user.pk))
    config = SessionConfig(provider="odd", model="odd", tools=offered)
    return Story(bus.execute(commands.CreateSession(config=config), Context(actor=actor)).data["id"], actor)


def call(name: str = "clock", ident: str = "a", **args: Any) -> ToolCall:
    return ToolCall(tool_call_id=ident, name=name, args=args)


def calls_of(story: Story) -> list[ToolCallPart]:
    rows = Message.objects.filter(session=story.id, role="assistant").order_by("position")
    return [part for row in rows for part in to_content(row.content) if isinstance(part, ToolCallPart)]


@pytest.fixture
def guarded() -> Any:
    """A tool that needs approval; what it did."""
    done: list[str] = []

    def guarded_tool(text: str) -> str:
        """Does it."""
        done.append(text)
        return f"did {text}"

    tools.default.tool(name="guarded", approval=True)(guarded_tool)
    yield done
    del tools.default.tools["guarded"]


def test_a_model_that_calls_tools_it_was_not_offered_is_stopped_too(alice: User, settings: Settings) -> None:
    settings.RUN_MAX_STEPS = 3
    story = odd(alice, [call(), CALLS])
    run = do(ask(story))
    assert (run.state, run.finish_reason, len(OddProvider.asked)) == ("incomplete", "steps", 3)


@pytest.mark.parametrize(
    "odd_call",
    [
        ToolCall(tool_call_id="i" * 500, name="clock", args={"zone": "a\x00b"}),
        ToolCall(tool_call_id="", name="n" * 500, args=None, raw="{\x00\ud800"),
        ToolCall(tool_call_id="\ud800", name="\x00", args={"deep": [{"\x00": "\udc00"}]}),
    ],
)
@pytest.mark.parametrize("length", [1, 10_000])
def test_a_call_that_no_column_takes_is_mended(alice: User, odd_call: ToolCall, length: int) -> None:
    raw = {"odd": "\x00\ud800", "\udc00": ["\ud800"], "long": "x" * length}
    finish = Finish(reason="tool_calls", usage=Usage(input_tokens=10**30, output_tokens=-5, raw=raw))
    story = odd(alice, [odd_call, finish], [TextDelta("done"), DONE], offered=["clock"])
    assert do(ask(story)).state == "completed"
    (stored,) = calls_of(story)
    assert 0 < len(stored.tool_call_id) <= 200
    assert len(stored.name) <= 100
    assert_replay_rebuilds_the_same_rows()


def test_of_too_many_calls_some_are_answered(alice: User) -> None:
    many: list[Piece | Exception] = [call(ident=str(number)) for number in range(500)]
    story = odd(alice, [*many, CALLS], [TextDelta("done"), DONE], offered=["clock"])
    assert do(ask(story)).state == "completed"
    assert len(calls_of(story)) == 32


def test_one_approval_is_for_one_call(alice: User, guarded: list[str]) -> None:
    two: list[Piece | Exception] = [call("guarded", text="harmless"), call("guarded", text="HARMFUL"), CALLS]
    story = odd(alice, two, [TextDelta("done"), DONE], offered=["guarded"])
    run = do(ask(story))
    first, second = calls_of(story)
    assert first.tool_call_id != second.tool_call_id
    assert set(run.decisions) == {first.tool_call_id, second.tool_call_id}
    story.tell(commands.DecideToolCall, run_id=run.id, tool_call_id=first.tool_call_id, approve=True)
    assert Run.objects.get(id=run.id).state == "requires_action"
    story.tell(commands.DecideToolCall, run_id=run.id, tool_call_id=second.tool_call_id, approve=False)
    assert do(run.id).state == "completed"
    assert guarded == ["harmless"]


def test_a_cancel_that_comes_before_the_question_is_not_lost(alice: User, guarded: list[str]) -> None:
    story = odd(alice, [TextDelta("well"), call("guarded", text="x"), CALLS], offered=["guarded"])
    run = ask(story)
    worker = Story(story.id, SYSTEM)
    worker.tell(commands.StartRun, run_id=run)
    story.tell(commands.CancelRun, run_id=run)
    part = ToolCallPart(tool_call_id="a", name="guarded", args={"text": "x"})
    worker.tell(commands.RecordToolCalls, run_id=run, text="well", tool_calls=[part], needs_approval=["a"])
    assert Run.objects.get(id=run).state == "incomplete"
    ask(story)
    assert not Run.objects.filter(waits=True).exists(), "the conversation is free"


def test_what_broke_off_is_billed_at_every_try(alice: User) -> None:
    gone = ProviderError("gone", code="network", permanent=False)
    story = odd(alice, [TextDelta("some words"), gone])
    run = ask(story, on_interrupt="retry")
    while not Run.objects.get(id=run).finished_at:
        if runner.run(run):
            settled(run)
    ended = Run.objects.get(id=run)
    assert (ended.state, len(OddProvider.asked)) == ("interrupted", 5)
    assert UsageEntry.objects.filter(run=run).count() == 5
    assert texts(story)[-1] == ("assistant", "some words")


def test_a_budget_ends_a_loop_of_tools(alice: User) -> None:
    story = odd(alice, [call(), Finish(reason="tool_calls", usage=Usage(input_tokens=900, output_tokens=100))])
    story.tell(commands.UpdateSession, config=ConfigPatch(max_tokens=100))
    Budget.objects.create(scope="session", session=story.id, tokens=3_000, period="total")
    run = do(ask(story))
    assert (run.state, run.error_code) == ("failed", "budget-exhausted")
    (use,) = BudgetUse.objects.all()
    assert (use.spent_tokens, use.reserved_tokens) == (3_000, 0)
    assert not Reservation.objects.exists()


def test_a_long_question_is_set_aside_as_it_is(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), DONE])
    story.tell(commands.UpdateSession, config=ConfigPatch(max_tokens=10))
    Budget.objects.create(scope="session", session=story.id, tokens=1_000, period="total")
    with pytest.raises(budgets.BudgetExhausted):
        ask(story, "many words " * 1_000)
    with pytest.raises(budgets.BudgetExhausted):
        story.tell(commands.AddMessage, content="many words " * 1_000, answer=True)
    assert not Reservation.objects.exists()


def test_totals_at_their_limit_do_not_keep_a_run_from_ending(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), Finish(usage=Usage(input_tokens=2**60, output_tokens=2**60))])
    Session.objects.filter(id=story.id).update(estimated_cost="9999999999.9")
    assert do(ask(story)).state == "completed"
    assert do(ask(story)).state == "completed"


def test_a_text_without_end_is_cut_off(alice: User, settings: Settings) -> None:
    settings.RUN_MAX_CHARACTERS = 100
    story = odd(alice, [*[TextDelta("ten chars.")] * 50, DONE])
    run = do(ask(story))
    assert (run.state, run.finish_reason, len(texts(story)[-1][1])) == ("incomplete", "length", 110)


def test_a_session_that_is_deleted_takes_its_runs_along(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), DONE])
    Budget.objects.create(scope="user", user=alice, tokens=100_000_000, period="total")
    queued, waiting = ask(story), ask(story)
    story.tell(commands.DeleteSession)
    assert Work.objects.get(id=queued).state == "cancelled"
    assert not runner.run(waiting)
    budgets.prune()
    (use,) = BudgetUse.objects.all()
    assert (use.spent_tokens, use.reserved_tokens) == (0, 0)


def test_an_id_that_is_taken_by_other_work_is_refused(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), DONE])
    taken = uuid7()
    bus.enqueue(commands.AddMessage(session_id=story.id, content="x"), Context(actor=story.actor, command_id=taken))
    with pytest.raises(AlreadyExists):
        ask(story, run_id=taken)
    assert not Run.objects.exists()


def test_each_of_three_quick_messages_gets_its_own_answer(alice: User) -> None:
    story = told(alice)
    said = [story.tell(commands.AddMessage, content=text, answer=True).data for text in ("one", "two", "three")]
    for one in said:
        assert do(one["answer_run_id"]).state == "completed"
    answers = [text for role, text in texts(story) if role == "assistant"]
    assert answers == ["[echo] one", "[echo] two", "[echo] three"]


def test_the_newest_interruption_is_meant(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), DONE])
    first = ask(story, "a")
    Story(story.id, SYSTEM).tell(commands.StartRun, run_id=first)
    second, third = ask(story, "b", on_busy="interrupt"), ask(story, "c", on_busy="interrupt")
    Story(story.id, SYSTEM).tell(commands.EndRun, run_id=first, outcome="cancelled")
    assert [Run.objects.get(id=run).state for run in (second, third)] == ["cancelled", "queued"]
    assert Run.objects.get(id=third).waits is False


def test_a_provider_may_ask_for_an_hour_of_patience_and_no_more(alice: User) -> None:
    story = odd(alice, [ProviderError("later", code="rate-limited", permanent=False, retry_after=1e15)])
    run = do(ask(story))
    assert run.state == "queued"
    (failure,) = [event.fields() for event in story.events() if event.type == "run-retrying"]
    assert failure["delay"] == 3600.0


def test_what_failed_inside_is_not_shown_to_users(alice: User) -> None:
    story = odd(alice, [RuntimeError("secret at /srv/x")])
    run = ask(story)
    Work.objects.filter(id=run).update(attempts=4)
    ended = do(run)
    assert (ended.state, ended.error_code) == ("failed", "worker-died")
    assert "secret" not in ended.error
    assert "secret" in str(Work.objects.get(id=run).error)


def test_a_run_without_anything_to_wake_it_is_ended(alice: User) -> None:
    story = odd(alice, [TextDelta("ok"), DONE])
    run, waiting = ask(story), ask(story)
    Work.objects.filter(id=run).update(state="parked")
    leftovers.prune()
    assert Run.objects.get(id=run).state == "failed"
    assert do(waiting).state == "completed"


def test_commands_do_not_starve_behind_runs(alice: User, settings: Settings) -> None:
    settings.RUN_CONCURRENCY = 0
    story = odd(alice, [TextDelta("ok"), DONE])
    ask(story)
    command = bus.enqueue(commands.AddMessage(session_id=story.id, content="x"), Context(actor=story.actor))
    Work.objects.all().update(run_after="2020-01-01T00:00:00Z")
    assert engine.KIND not in runner.takes().kinds
    assert lease.due(1, 0.0, runner.takes()) == [command]
    queue.drop(command)


def test_retries_replace_all_answers_before_and_only_once_they_answer(alice: User) -> None:
    story = told(alice, finish="length")
    first = do(ask(story))
    second = do(story.tell(commands.RetryRun, run_id=first.id).data["id"])
    failing = UUID(str(story.tell(commands.RetryRun, run_id=second.id).data["id"]))
    Story(story.id, SYSTEM).tell(commands.EndRun, run_id=failing, outcome="failed", error="x")
    shown = [
        row for row in Message.objects.filter(session=story.id, role="assistant") if "superseded_by" not in row.metadata
    ]
    assert [row.run for row in shown] == [second.id]
    third = do(story.tell(commands.RetryRun, run_id=second.id).data["id"])
    shown = [
        row for row in Message.objects.filter(session=story.id, role="assistant") if "superseded_by" not in row.metadata
    ]
    assert [row.run for row in shown] == [third.id]
    assert text_of(to_content(shown[0].content)) == "[echo] hello"
