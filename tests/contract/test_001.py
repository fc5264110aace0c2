"""Document 001: event-sourced sessions. Each test quotes the line of the contract it is about."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.contrib.auth.models import User

from bus.bus import bus
from bus.exceptions import NotFound
from bus.messages import SYSTEM, Envelope, Event, changed
from bus.models import Snapshot
from bus.registry import default
from sessions_app import commands, events
from sessions_app import state as states
from sessions_app.manager import EventHandler, SessionManager
from sessions_app.models import Message, Run, Session
from sessions_app.plugins.coordination import SendToSession
from sessions_app.plugins.goals import CloseGoal, SetGoal
from sessions_app.state import EventSourcedSession, SessionState, fold_all, state_at
from sessions_app.values import ConfigPatch, Role, text_of
from tests.runs import ask, do, texts, told
from tests.sessions_app.plugins.support import delivered
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


class Summariser(EventHandler):
    """A plugin that counts messages in the session's metadata, and notes the length of each on its event."""

    handler_name = "summariser"
    handled_event_types = ["message:added"]

    def __init__(self, *, notes: bool = False) -> None:
        self.notes = notes

    async def handle_event(self, event: Envelope, session: EventSourcedSession) -> Event | None:
        count = session.current_state.message_count
        about = event.version if self.notes else None
        return events.PluginStateChanged(
            session_id=session.session_id, plugin=self.handler_name, state={"messages": count}, about_version=about
        )


def tell(story: Story) -> None:
    """Everything that changes a session's state."""
    message = story.tell(commands.AddMessage, content="one").data["id"]
    story.tell(commands.RecordInteraction, query="why", response="because")
    story.tell(commands.UpdateMessage, message_id=message, content="uno", metadata={"edited": True})
    story.tell(commands.UpdateSession, title="New", metadata={"a": {"b": 1}}, config=ConfigPatch(temperature=0.5))
    story.tell(commands.UpdateSession, is_active=False, metadata={"a": {"c": 2}})
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=7000, completion_tokens=10)
    story.tell(commands.ChangePluginState, plugin="p", state={"seen": 1})


@pytest.fixture
def ours() -> Story:
    """A session with a system prompt, made by the system."""
    config = changed(commands.ECHO, system_prompt="Be brief.")
    return Story(bus.execute(commands.CreateSession(config=config)).data["id"], SYSTEM)


def test_the_documents_usage_example() -> None:
    """The usage example of document 001."""

    async def main() -> EventSourcedSession:
        session_manager = SessionManager()
        session_id = await session_manager.create_session()
        recorded = await session_manager.record_interaction(
            session_id, query="Analyze main.py for errors", response="Found 3 potential issues in main.py"
        )
        assert recorded is True
        return await session_manager.get_session(session_id)

    session = asyncio.run(main())
    assert [(message.role, text_of(message.content)) for message in session.current_state.messages] == [
        (Role.USER, "Analyze main.py for errors"),
        (Role.ASSISTANT, "Found 3 potential issues in main.py"),
    ]
    assert_replay_rebuilds_the_same_rows()


def test_the_state_rebuilt_from_the_stream_is_what_the_rows_say(ours: Story) -> None:
    """Session state is rebuilt from an immutable event stream by functional projections (folds)."""
    tell(ours)
    state, row = EventSourcedSession.load(ours.id).current_state, Session.objects.get(id=ours.id)
    assert (state.title, state.metadata, state.is_active) == (row.title, row.metadata, row.is_active)
    assert msgspec.to_builtins(state.config) == row.config
    assert state.metrics == row.metrics
    assert (state.message_count, state.created_at, state.updated_at) == (
        row.message_count,
        row.created_at,
        row.updated_at,
    )
    rows = Message.objects.filter(session_id=ours.id).order_by("position")
    assert [(m.id, m.role, msgspec.to_builtins(m.content), m.metadata) for m in state.messages] == [
        (m.id, m.role, m.content, m.metadata) for m in rows
    ]
    assert_replay_rebuilds_the_same_rows()


def test_folding_is_pure_and_may_stop_anywhere(ours: Story) -> None:
    """Session state is rebuilt from an immutable event stream by functional projections (folds)."""
    tell(ours)
    line, start = ours.events(), SessionState(session_id=ours.id)
    for cut in range(len(line) + 1):
        early = fold_all(start, line[:cut])
        assert fold_all(early, line[cut:]) == fold_all(start, line)
        assert early.version == cut
    assert start == SessionState(session_id=ours.id)


@pytest.mark.parametrize("version", [1, 3, 8])
def test_the_state_at_an_earlier_version(ours: Story, version: int) -> None:
    """Session state is rebuilt from an immutable event stream … (state reconstruction, `at_version`)."""
    tell(ours)
    session = asyncio.run(SessionManager().get_session(ours.id, at_version=version))
    assert session.current_state.version == len(session.events) == version
    assert state_at(ours.id, version) == msgspec.structs.replace(session.current_state, messages=())


def test_a_late_state_comes_from_a_snapshot_and_is_the_same(ours: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Session state is rebuilt from an immutable event stream … (snapshots are only a short cut)."""
    monkeypatch.setattr(states, "SNAPSHOT_EVERY", 4)
    tell(ours)
    last = len(ours.events())
    first = state_at(ours.id, last)
    assert Snapshot.objects.filter(stream=ours.id, version__lte=last).count() == last // 4
    assert state_at(ours.id, last) == first
    assert state_at(ours.id, 5).version == 5


def test_an_event_sourced_session_is_frozen_and_makes_new_ones(ours: Story) -> None:
    """`EventSourcedSession` (frozen): `session_id, events, current_state, event_handlers, metadata`; `append_event` and
    `add_event_handler` return a new session, the old one unchanged."""
    (created,) = ours.events()
    empty: Any = EventSourcedSession.new(ours.id)
    with pytest.raises(AttributeError):
        empty.metadata = {}
    appended = empty.append_event(created)
    assert (empty.events, empty.current_state.version, empty.event_handlers, empty.metadata) == ((), 0, {}, {})
    assert (appended.session_id, appended.events, appended.current_state.version) == (ours.id, (created,), 1)
    one, two = Summariser(), Summariser()
    handled = appended.add_event_handler("message-added", one).add_event_handler("message-added", two)
    assert appended.event_handlers == {}
    assert handled.event_handlers == {"message-added": (one, two)}
    with pytest.raises(ValueError, match="does not follow"):
        appended.append_event(created)


def test_an_event_handler_keeps_its_state_in_the_sessions_metadata() -> None:
    """`EventHandler` (plugin): `handler_name`, `handled_event_types`, `async handle_event(event, session) -> event |
    None`: it may produce new events … and keep plugin state in the session's metadata."""

    async def main() -> EventSourcedSession:
        manager = SessionManager()
        manager.add_event_handler(Summariser())
        session_id = await manager.create_session()
        await manager.record_interaction(session_id, "why", "because")
        return await manager.get_session(session_id)

    session = asyncio.run(main())
    assert session.metadata == {"plugins": {"summariser": {"messages": 2}}}
    assert [str(event.actor) for event in session.events[-2:]] == ["plugin:summariser"] * 2
    assert list(session.event_handlers) == ["message:added"]
    assert Session.objects.get(id=session.session_id).metadata == session.metadata
    assert_replay_rebuilds_the_same_rows()


def test_an_event_handler_may_enrich_an_event() -> None:
    """… or enrich the event (plugin metadata on events)."""

    async def main() -> EventSourcedSession:
        manager = SessionManager()
        manager.add_event_handler(Summariser(notes=True))
        session_id = await manager.create_session()
        await manager.record_interaction(session_id, "why", "because")
        return await manager.get_session(session_id)

    session = asyncio.run(main())
    notes = [default.open(event) for event in session.events if event.type == "plugin-state-changed"]
    assert [note.about_version for note in notes if isinstance(note, events.PluginStateChanged)] == [2, 3]
    assert session.metadata == {}


def test_a_session_may_be_given_its_id() -> None:
    """`create_session(session_id=None) -> id`."""
    wanted = uuid4()
    assert asyncio.run(SessionManager().create_session(wanted)) == wanted
    assert asyncio.run(SessionManager().create_session(str(uuid4()))) != wanted


@pytest.mark.parametrize("unknown", ["6f1e3a0e-0000-4000-8000-000000000000", "non-existent-id"])
def test_an_interaction_in_an_unknown_session_is_false(unknown: str) -> None:
    """`record_interaction(session_id, query, response) -> bool` (`False` for an unknown session)."""
    assert asyncio.run(SessionManager().record_interaction(unknown, "why", "because")) is False


def test_an_unknown_session_cannot_be_loaded() -> None:
    """Lifecycle, event processing, state reconstruction."""
    with pytest.raises(NotFound):
        asyncio.run(SessionManager().get_session(uuid4()))


def test_semantic_context_is_stored_and_retrieved(alice: User) -> None:
    """Extension points shown working by one shipped plugin each: semantic context storage and retrieval (RAG)."""
    earlier = told(alice)
    earlier.tell(commands.AddMessage, content="The project is called Heron.")
    delivered("memory")
    story = told(alice, tools=["recall"], tool={"name": "recall", "args": {"query": "project called"}})
    do(ask(story, "What is the project called?"))
    assert "Heron" in texts(story)[-1][1]
    assert_replay_rebuilds_the_same_rows()


def test_agents_coordinate(alice: User) -> None:
    """… agent coordination."""
    asking, answering = told(alice), told(alice, text="It is noon.")
    asking.tell(SendToSession, to=answering.id, content="What time is it?")
    delivered("coordination")
    do(Run.objects.get(session=answering.id).id)
    delivered("coordination")
    assert "It is noon." in texts(asking)[-1][1]
    assert_replay_rebuilds_the_same_rows()


def test_goals_are_tracked_with_what_they_took(alice: User) -> None:
    """… goal tracking with self-improvement metrics."""
    story = told(alice)
    goal = story.tell(SetGoal, title="Understand the log").data["id"]
    do(ask(story, "What is a log?"))
    story.tell(CloseGoal, goal_id=UUID(str(goal)), rating=0.9)
    kept = Session.objects.get(id=story.id).metadata["plugins"]["goals"]["goals"][str(goal)]
    assert (kept["runs"], kept["outcome"], kept["rating"], kept["progress"]) == (1, "achieved", 0.9, 1.0)
    assert kept["tokens"] > 0
    assert EventSourcedSession.load(story.id).metadata == Session.objects.get(id=story.id).metadata
    assert_replay_rebuilds_the_same_rows()
