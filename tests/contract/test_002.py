"""Document 002: sessions and events. Each test quotes the line of the contract it is about."""

import asyncio
from functools import partial
from uuid import uuid4

import pytest

from bus.bus import MessageBus, bus
from bus.exceptions import NotFound, SubscriberTooSlow
from bus.messages import SYSTEM, Envelope, ErrorOccurred, Event, Notice, TraceEvent, uuid7
from bus.topics import Filter
from sessions_app import commands
from sessions_app.llm.base import Usage
from sessions_app.models import Session
from tests.bus.support import in_threads, on_a_loop, take
from tests.story import Story, assert_replay_rebuilds_the_same_rows


class ChannelMessage(Event):
    """The document's `channel:message`."""

    text: str


class AgentSpawned(Event):
    """The document's `agent:spawned`."""


class AgentCompleted(Event):
    """The document's `agent:completed`."""


def test_the_documents_api_subscribe_publish_closer_shutdown() -> None:
    """`subscribe(*topics)` → a stream and a closer; `publish`; `shutdown`."""

    async def main() -> None:
        local = MessageBus()
        stream, closer = local.subscribe("channel:message", "agent:spawned")
        await local.publish(AgentCompleted())
        await local.publish(ChannelMessage(text="hello"))
        event = await anext(stream)
        assert (event.type, event.fields()) == ("channel-message", {"text": "hello"})
        closer()
        await local.publish(ChannelMessage(text="unheard"))
        assert [event async for event in stream] == []
        other = local.subscribe()
        local.shutdown()
        assert [event async for event in other] == []
        assert local.streams == set()

    asyncio.run(main())


@pytest.mark.django_db(transaction=True)
def test_shutdown_ends_the_subscriptions_of_a_durable_bus_too() -> None:
    """`subscribe(*topics)` → a stream and a closer; `publish`; `shutdown`."""

    async def main() -> None:
        durable = MessageBus(bus.registry, durable=True)
        log, one = durable.subscribe(after=0), durable.subscribe(session=uuid4())
        durable.shutdown()
        assert [event async for event in log] == []
        assert [event async for event in one] == []

    on_a_loop(main)


def test_publishers_do_not_know_subscribers() -> None:
    """Publish/subscribe by topic; publishers do not know subscribers …"""

    async def main() -> list[int]:
        local = MessageBus()
        await local.publish(ChannelMessage(text="to nobody"))
        streams = [local.subscribe(), local.subscribe("channel:*"), local.subscribe("agent:*")]
        await local.publish(ChannelMessage(text="hello"))
        return [len(stream.outbox) for stream in streams]

    assert asyncio.run(main()) == [1, 1, 0]


def test_the_bus_is_safe_under_concurrency() -> None:
    """… safe under concurrency. Every event has a monotonic version."""

    async def main() -> None:
        local = MessageBus()
        stream = local.subscribe(capacity=1000)

        def publish() -> None:
            for number in range(50):
                asyncio.run(local.publish(ChannelMessage(text=str(number))))

        await asyncio.to_thread(in_threads, *[publish] * 8)
        versions = [event.version for event in await take(stream, 400)]
        assert sorted(versions) == list(range(1, 401))

    asyncio.run(main())


def test_a_slow_subscriber_is_dropped_so_that_publishing_never_blocks() -> None:
    """A slow subscriber is dropped, so that publishing never blocks."""

    async def main() -> None:
        local = MessageBus()
        slow = local.subscribe(capacity=10)
        for number in range(50):
            await local.publish(ChannelMessage(text=str(number)))
        with pytest.raises(SubscriberTooSlow):
            await anext(slow)
        assert local.streams == set()

    asyncio.run(main())


def test_the_session_store_creates_and_gets(db: None) -> None:
    """Session store: `create(title)`, `get(id)` …"""
    made = bus.execute(commands.CreateSession(title="Chat with User")).data["id"]
    found = Story(made, SYSTEM).tell(commands.GetSession).data
    assert (found["id"], found["title"]) == (made, "Chat with User")
    assert bus.execute(commands.GetSession(session_id=uuid4())).data is None


def test_the_session_store_lists_newest_first_and_at_most_100(db: None) -> None:
    """… `list()` newest `updated_at` first and at most 100 a page …"""
    made = [bus.execute(commands.CreateSession(title=str(number))).data["id"] for number in range(3)]
    Story(made[0], SYSTEM).tell(commands.AddMessage, content="hello")
    listed = bus.execute(commands.ListSessions()).data
    assert [session["title"] for session in listed] == ["0", "2", "1"]
    for _ in range(100):
        bus.execute(commands.CreateSession())
    assert len(bus.execute(commands.ListSessions(limit=1000)).data) == 100


@pytest.mark.django_db(transaction=True)
def test_the_session_store_ensures(db: None) -> None:
    """… `ensure(id, title)`."""
    wanted = uuid7()
    command = commands.EnsureSession(session_id=wanted, title="Chat with User")
    results = in_threads(*[lambda: bus.execute(command).data] * 6)
    assert sorted(result["created"] for result in results) == [False] * 5 + [True]
    again = bus.execute(commands.EnsureSession(session_id=wanted, title="Another"))
    assert (again.data["created"], again.version) == (False, None)
    assert Session.objects.get(id=wanted).title == "Chat with User"


def test_the_flow_from_a_users_message_to_the_updated_session(db: None) -> None:
    """Flow: user message → session created → `session-created` → … → agent done → session updated →
    `session-updated`."""
    story = Story(bus.execute(commands.CreateSession(title="Chat with User")).data["id"], SYSTEM)
    run_id = story.tell(commands.AddMessage, content="hello", answer=True).data["answer_run_id"]
    story.tell(commands.StartRun, run_id=run_id)
    usage = Usage(input_tokens=2, output_tokens=1)
    story.tell(commands.EndRun, run_id=run_id, outcome="completed", text="hi", usage=usage)
    story.tell(commands.UpdateSession, metadata={"done": True})
    assert story.types() == [
        "session-created",
        "message-added",
        "run-requested",
        "run-started",
        "message-added",
        "token-metrics-updated",
        "run-completed",
        "session-updated",
    ]
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.django_db(transaction=True)
def test_unrecoverable_errors_are_published() -> None:
    """Unrecoverable errors are published (`error-occurred`) …"""
    story = Story(bus.execute(commands.CreateSession()).data["id"], SYSTEM)

    async def main() -> Envelope:
        async with bus.subscribe("error:occurred", session=story.id, after=1) as errors:
            await bus.publish(ErrorOccurred(session_id=story.id, source="test", error="it broke"))
            event: Envelope = await anext(errors)
            return event

    event = on_a_loop(main)
    assert (event.version, event.fields()["error"]) == (2, "it broke")


def test_trace_events_are_notices_under_their_own_topic() -> None:
    """… trace events (`trace-event`)."""
    assert TraceEvent.type == "trace-event"
    assert issubclass(TraceEvent, Notice)


@pytest.mark.django_db(transaction=True)
def test_a_session_is_resumed_after_the_last_version_seen() -> None:
    """**session resume** · **persisted event log**"""
    story = Story(bus.execute(commands.CreateSession()).data["id"], SYSTEM)

    async def main() -> list[int]:
        seen: list[int] = []
        for _ in range(3):
            async with bus.subscribe(session=story.id, after=len(seen)) as stream:
                await bus.aexecute(commands.AddMessage(session_id=story.id, content="while away"))
                seen += [event.version for event in await take(stream, 2 if not seen else 1)]
        return seen

    assert on_a_loop(main) == [1, 2, 3, 4]
    assert [event.version for event in story.events()] == [1, 2, 3, 4]


def test_wildcards_filters_and_transforms() -> None:
    """**wildcard subscriptions** · **event filtering and transformation**"""

    async def main() -> None:
        local = MessageBus()
        stream = local.subscribe(
            "*:message", filters=[Filter("data.text", "contains", "!")], transform=lambda event: event.fields()["text"]
        )
        for text in ("one", "two!", "three!"):
            await local.publish(ChannelMessage(text=text))
        await local.publish(AgentSpawned())
        assert await take(stream, 2) == ["two!", "three!"]
        assert not stream.outbox

    asyncio.run(main())


@pytest.mark.django_db(transaction=True)
def test_a_message_to_a_session_deleted_at_the_same_moment_is_refused_as_not_found() -> None:
    """Session lifecycle … ensure session exists before use (best practice 4)."""
    for _ in range(5):
        story = Story(bus.execute(commands.CreateSession()).data["id"], SYSTEM)
        add = commands.AddMessage(session_id=story.id, content="too late?")
        delete = commands.DeleteSession(session_id=story.id)
        added, deleted = in_threads(partial(bus.execute, add), partial(bus.execute, delete))
        assert deleted.data is True
        assert isinstance(added, NotFound) or added.success
        assert story.types()[-1] == "session-deleted"
    assert_replay_rebuilds_the_same_rows()
