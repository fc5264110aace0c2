"""The documents' own defects, which ours must not inherit ("Corrections" of the contract)."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bus.bus import bus
from bus.messages import SYSTEM, Envelope, Event, kebab
from bus.registry import default
from bus.topics import matcher
from sessions_app import commands, events, factory
from sessions_app.handlers.runs import RunEnded
from sessions_app.llm import catalog
from sessions_app.llm.base import Usage
from sessions_app.manager import EventHandler, SessionManager
from sessions_app.models import Session
from sessions_app.state import EventSourcedSession
from sessions_app.values import ConfigPatch, SessionConfig, TokenMetrics, ToolResultPart
from tests.bus.support import in_threads
from tests.story import Story, assert_replay_rebuilds_the_same_rows

GPT_4 = SessionConfig(provider="openai", model="gpt-4")


@pytest.fixture
def gpt(db: None) -> Story:
    """A session with a model whose window (8192) and price are known."""
    return Story(bus.execute(commands.CreateSession(config=GPT_4)).data["id"], SYSTEM)


def metrics(story: Story) -> TokenMetrics:
    """The session's totals now."""
    return Session.objects.get(id=story.id).metrics


def cost(provider: str, model: str, prompt: int, completion: int) -> Decimal | None:
    """What so many tokens cost now."""
    usage = Usage(input_tokens=prompt, output_tokens=completion)
    return catalog.cost(provider, model, usage, datetime.now(UTC))


def count(story: Story, prompt: int, completion: int = 0, *, context: int | None = None) -> list[str]:
    """Count tokens; the types of the events that came of it."""
    result = story.tell(
        commands.UpdateTokenMetrics, prompt_tokens=prompt, completion_tokens=completion, context_tokens=context
    )
    return [event.type for event in result.events]


def test_utilization_is_the_occupancy_of_the_last_request(gpt: Story) -> None:
    """1. `context_utilization` = occupancy of the **last request** (its prompt + completion tokens ÷ window), never the
    cumulative total. When metrics are updated by hand without saying the occupancy, it grows by the tokens given."""
    count(gpt, 3000, 96, context=3096)
    count(gpt, 4000, 96, context=4096)
    assert metrics(gpt).total_tokens == 7192
    assert metrics(gpt).context_utilization == 0.5
    count(gpt, 100, 60)
    assert metrics(gpt).context_utilization == (4096 + 160) / 8192


def test_a_runs_occupancy_is_its_own_request(gpt: Story) -> None:
    """1. `context_utilization` = occupancy of the **last request**."""
    for prompt, completion in ((1000, 24), (2000, 48)):
        run_id = gpt.tell(commands.AddMessage, content="hello", answer=True).data["answer_run_id"]
        gpt.tell(commands.StartRun, run_id=run_id)
        usage = Usage(input_tokens=prompt, output_tokens=completion)
        gpt.tell(commands.EndRun, run_id=run_id, outcome="completed", text="hi", usage=usage)
    assert (metrics(gpt).total_tokens, metrics(gpt).context_utilization) == (3072, 0.25)


@pytest.mark.django_db(transaction=True)
def test_metrics_are_additive_and_safe_under_concurrency(gpt: Story) -> None:
    """2. Metrics are additive and safe under concurrency (no read-modify-write)."""

    def add() -> None:
        for _ in range(10):
            count(gpt, 3, 2)

    assert in_threads(*[add] * 6) == [None] * 6
    now = metrics(gpt)
    assert (now.prompt_tokens, now.completion_tokens, now.total_tokens, now.context_tokens) == (180, 120, 300, 300)
    assert now.estimated_cost == 60 * (cost("openai", "gpt-4", 3, 2) or 0)
    told = [default.open(event) for event in gpt.events() if event.type == "token-metrics-updated"]
    assert [event.metrics.total_tokens for event in told if isinstance(event, events.TokenMetricsUpdated)] == list(
        range(5, 301, 5)
    )
    assert_replay_rebuilds_the_same_rows()


def test_metrics_are_counted_once_per_run(gpt: Story) -> None:
    """2. … and counted once per run."""
    run_id = gpt.tell(commands.AddMessage, content="hello", answer=True).data["answer_run_id"]
    usage = Usage(input_tokens=10, output_tokens=5)
    done = {"run_id": run_id, "outcome": "completed", "text": "hi", "usage": usage}
    gpt.tell(commands.StartRun, run_id=run_id)
    gpt.tell(commands.EndRun, **done)
    with pytest.raises(RunEnded):
        gpt.tell(commands.EndRun, **done)
    assert metrics(gpt).total_tokens == 15


def test_an_unknown_model_has_window_and_price_unknown(db: None) -> None:
    """3. An unknown model has window and price **unknown** (`null`, shown as such), not 4096 and $0."""
    config = SessionConfig(provider="nobody", model="unknown-model")
    story = Story(bus.execute(commands.CreateSession(config=config)).data["id"], SYSTEM)
    before = story.tell(commands.GetSession).data["metrics"]
    assert (before["max_context_window"], before["context_utilization"]) == (None, None)
    assert count(story, 1_000_000) == ["token-metrics-updated"]
    shown = story.tell(commands.GetSession).data["metrics"]
    assert (shown["estimated_cost"], shown["max_context_window"], shown["context_utilization"]) == (None, None, None)
    assert shown["total_tokens"] == 1_000_000
    assert_replay_rebuilds_the_same_rows()


# document 003, `getContextWindowSize` and its table of prices: what it says of models that still have these numbers
DOCUMENTED_WINDOWS = [
    ("openai", "gpt-4", 8192),
    ("openai", "gpt-4-turbo", 128_000),
    ("anthropic", "claude-3-opus", 200_000),
]


@pytest.mark.parametrize(("provider", "model", "window"), DOCUMENTED_WINDOWS)
@pytest.mark.django_db
def test_the_documents_tables_stay_as_a_fixture(provider: str, model: str, window: int) -> None:
    """3. The documents' tables stay as a test fixture."""
    assert catalog.window(provider, model) == window
    assert cost(provider, model, 1000, 1000) is not None


def test_gpt_4_costs_what_the_document_says(db: None) -> None:
    """3. The documents' tables stay as a test fixture."""
    assert cost("openai", "gpt-4", 1000, 1000) == Decimal("0.09")


def test_a_changed_configuration_is_published(gpt: Story) -> None:
    """4. `session-config-updated` is really published."""
    gpt.tell(commands.UpdateSession, config=ConfigPatch(temperature=0.8, max_tokens=1000))
    assert gpt.types()[-2:] == ["session-updated", "session-config-updated"]
    event = default.open(gpt.events()[-1])
    assert isinstance(event, events.SessionConfigUpdated)
    assert event.changes == {"temperature": 0.8, "max_tokens": 1000}
    assert (event.config.temperature, event.config.model) == (0.8, "gpt-4")


def test_a_tool_result_is_a_tool_result_part() -> None:
    """4. A tool result is a `tool_result` part."""
    message = factory.create_tool_message("tool-123", "Search results")
    assert message.content == [ToolResultPart(tool_call_id="tool-123", content="Search results")]


def test_the_window_is_critical_on_crossing_and_not_on_every_update_above(gpt: Story) -> None:
    """4. `context-window-critical` fires on crossing 0.80 and again on crossing 0.95, not on every update above."""
    critical = ["token-metrics-updated", "context-window-critical"]
    assert count(gpt, 0, context=6553) == ["token-metrics-updated"]
    assert count(gpt, 0, context=6554) == critical
    assert count(gpt, 0, context=7000) == ["token-metrics-updated"]
    assert count(gpt, 0, context=7783) == critical
    assert count(gpt, 0, context=8192) == ["token-metrics-updated"]
    assert count(gpt, 0, context=10) == ["token-metrics-updated"]
    assert count(gpt, 0, context=8000) == critical
    told = [event.fields()["threshold"] for event in gpt.events() if event.type == "context-window-critical"]
    assert told == [0.80, 0.95, 0.95]


def test_appending_an_event_changes_the_state(gpt: Story) -> None:
    """5. Appending an event changes the state …"""
    gpt.tell(commands.AddMessage, content="hello")
    created, added = gpt.events()
    session = EventSourcedSession.new(gpt.id).append_event(created)
    assert session.append_event(added).current_state.message_count == 1
    assert session.current_state.message_count == 0


class Recorder(EventHandler):
    """Remembers what it was told."""

    handler_name = "recorder"
    handled_event_types = ["message-*"]

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    async def handle_event(self, event: Envelope, session: EventSourcedSession) -> Event | None:
        self.told.append((event.type, session.current_state.message_count))
        return None


@pytest.mark.django_db(transaction=True)
def test_handlers_are_really_called() -> None:
    """5. … and handlers are really called."""
    recorder = Recorder()

    async def main() -> None:
        manager = SessionManager()
        manager.add_event_handler(recorder)
        await manager.record_interaction(await manager.create_session(), "why", "because")

    asyncio.run(main())
    assert recorder.told == [("message-added", 1), ("message-added", 2)]


def test_times_are_timezone_aware_utc(gpt: Story) -> None:
    """5. Times are timezone-aware UTC."""
    (event,) = gpt.events()
    assert event.recorded_at.utcoffset() == timedelta(0)
    assert gpt.tell(commands.GetSession).data["created_at"].endswith("Z")


def test_names_are_kebab_case_and_a_topic_may_be_written_otherwise() -> None:
    """6. Event and command names are kebab-case as in 003. A topic pattern may write `:` or `.` for `-`."""
    for name, kind in (*default.commands.items(), *default.events.items()):
        assert name == kind.type == kebab(kind.__name__)
    for topic in ("session:created", "session.created", "session-created"):
        assert matcher((topic,))("session-created")


def test_events_have_a_version_per_session_and_a_position_in_the_whole_log(gpt: Story) -> None:
    """7. Events have **both** a gapless version per session and a position in the whole log."""
    other = Story(bus.execute(commands.CreateSession()).data["id"], SYSTEM)
    for story in (gpt, other, gpt, other):
        story.tell(commands.AddMessage, content="x")
    mine, theirs = gpt.events(), other.events()
    assert [event.version for event in mine] == [event.version for event in theirs] == [1, 2, 3]
    positions = [event.position for event in (mine[0], theirs[0], mine[1], theirs[1], mine[2], theirs[2])]
    assert positions == sorted(set(positions))
