"""Flows without a server: who is too slow, who may not go on, a server that stops, a log that was cut back."""

import asyncio
import json
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.database import in_thread
from bus.exceptions import SubscriberTooSlow
from bus.live import hub as hubs
from bus.messages import Context, uuid7
from sessions_app.commands import AddMessage, RequestRun
from sessions_app.models import Run
from sessions_app.openai_front.answering import Answering
from sessions_app.openai_front.answers import Asked
from sessions_app.streams.run import RunFlow
from sessions_app.streams.session import Reader, SessionFlow
from tests.bus.support import execute, on_a_loop, until
from tests.runs import do
from tests.story import Story

pytestmark = pytest.mark.django_db(transaction=True)
CUT = "DELETE FROM bus_storedevent WHERE stream = %s AND version > %s"
HEAD = "UPDATE bus_stream SET version = %s WHERE id = %s"


@pytest.fixture(autouse=True)
def _quick(settings: Settings) -> None:
    settings.BUS_DRAIN_SPREAD, settings.BUS_CLOSE_TIMEOUT, settings.BUS_REAUTHENTICATE = 0.0, 0.05, 0.05


def reader(story: Story) -> Reader:
    async def who() -> str | None:
        return str(story.actor)

    return Reader(story.actor, who)


class Written:
    """What a flow wrote; while `reads` is clear, nobody takes it."""

    def __init__(self) -> None:
        self.text = ""
        self.reads = asyncio.Event()
        self.reads.set()

    async def __call__(self, piece: bytes) -> None:
        await self.reads.wait()
        self.text += piece.decode()


async def say(story: Story, times: int = 1) -> None:
    for _ in range(times):
        await bus.aexecute(AddMessage(session_id=story.id, content="hello"), Context(actor=story.actor))


def test_a_reader_who_does_not_read_is_dropped_and_nobody_else(story: Story, settings: Settings) -> None:
    settings.BUS_SOCKET_ITEMS = 8

    async def main() -> None:
        slow, quick = Written(), Written()
        flows = [SessionFlow(reader(story), story.id, 0) for _ in range(2)]
        running = [asyncio.create_task(flow.run(w)) for flow, w in zip(flows, (slow, quick), strict=True)]
        await until(lambda: "id: 1\n" in slow.text and "id: 1\n" in quick.text)
        slow.reads.clear()
        for version in range(2, 20):
            await say(story)
            await until(lambda version=version: f"id: {version}\n" in quick.text)  # type: ignore[misc]
        with pytest.raises(SubscriberTooSlow):
            await running[0]
        assert not running[1].done()
        hubs.hub().drain()
        await running[1]
        assert quick.text.endswith(": this server is going away; come back\n\n")
        assert (hubs.hub().open_sockets, hubs.hub().feeds) == (0, {})

    on_a_loop(main)


def test_a_quiet_stream_says_that_it_is_there_until_its_reader_may_not_go_on(story: Story, settings: Settings) -> None:
    settings.STREAM_HEARTBEAT = 0.01

    async def main() -> None:
        written = Written()
        flow = SessionFlow(reader(story), story.id, 1)
        running = asyncio.create_task(flow.run(written))
        await until(lambda: ": still here\n\n" in written.text)
        await in_thread(execute, "UPDATE sessions_app_session SET owner_id = NULL WHERE id = %s", story.id)
        await running
        assert "what you read is no longer there" in written.text

    on_a_loop(main)


def test_what_was_withdrawn_while_a_stream_began_ends_it(story: Story, settings: Settings) -> None:
    settings.BUS_REAUTHENTICATE = 3600

    async def main() -> None:
        flow, written = SessionFlow(reader(story), story.id, 1), Written()
        await in_thread(execute, "UPDATE sessions_app_session SET owner_id = NULL WHERE id = %s", story.id)
        await flow.run(written)
        assert "what you read is no longer there" in written.text

    on_a_loop(main)


def test_an_answer_in_openais_words_ends_at_once_when_rights_do(story: Story, settings: Settings) -> None:
    settings.BUS_REAUTHENTICATE = 3600
    asked = Asked(session=story.id, conversation=story.id, run=uuid7(), version=1, model="m", tools=frozenset())

    async def main() -> None:
        written, control = Written(), hubs.hub().control
        running = asyncio.create_task(Answering(asked, reader(story)).run(written))
        await until(lambda: hubs.hub().open_sockets == 1)
        await in_thread(execute, "UPDATE sessions_app_session SET owner_id = NULL WHERE id = %s", story.id)
        control.doubt(str(story.actor))
        await running
        assert json.loads(written.text)["error"]["code"] == "invalid_api_key"

    on_a_loop(main)


def test_a_log_that_goes_back_ends_the_stream_with_a_reset(story: Story, settings: Settings) -> None:
    settings.BUS_POLL_INTERVAL = 0.05

    async def main() -> None:
        written = Written()
        running = asyncio.create_task(SessionFlow(reader(story), story.id, 0).run(written))
        await say(story, times=3)
        await until(lambda: "id: 4\n" in written.text)
        await in_thread(execute, CUT, story.id, 2)
        await in_thread(execute, HEAD, 2, story.id)
        await running
        assert written.text.endswith('id: 2\nevent: reset\ndata: {"head":2}\n\n')

    on_a_loop(main)


def test_an_ended_run_whose_events_are_gone_is_told_as_it_stands(story: Story) -> None:
    run = do(story.tell(RequestRun, input="hello", provider="echo", model="echo").data["id"])
    execute(CUT, story.id, 1)
    execute(HEAD, 1, story.id)

    async def main(after: int) -> list[str]:
        written = Written()
        await RunFlow(reader(story), run, after).run(written)
        return written.text.split("\n\n")[1:-1]

    (told,) = on_a_loop(lambda: main(0))
    name, data = told.split("\n")
    state: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert name == "event: run-state"
    assert (state["run"]["state"], state["message"]["id"]) == ("completed", str(run.message))
    Run.objects.filter(id=run.id).update(state="running")
    flow = RunFlow(reader(story), run, 99)

    async def unended() -> str:
        written = Written()
        running = asyncio.create_task(flow.run(written))
        await until(lambda: "run-state" in written.text)
        assert not running.done()
        running.cancel()
        return written.text

    assert 'event: reset\ndata: {"head":1}' in on_a_loop(unended)
