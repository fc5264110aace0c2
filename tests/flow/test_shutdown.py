"""SIGTERM drains: not ready any more, sockets told to come back, all within ten seconds; nothing is lost by it."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.flow.event_streams import stream_of
from tests.flow.sockets import close_code, receive, socket_to
from tests.flow.stack import Stack

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture
def own(django_db_setup: None) -> Iterator[Stack]:
    """A web and a worker of this test's own."""
    made = Stack(f"own_{WORKER}", settings={"BUS_LEASE_SECONDS": "3", "BUS_RENEW_SECONDS": "1"})
    try:
        yield made.start()
    finally:
        made.stop()


def test_sockets_and_event_streams_are_told_to_come_back_and_the_web_ends_in_time(own: Stack) -> None:
    browser = own.login("alice")
    session = browser.new_session()

    async def watch() -> tuple[int | None, str]:
        async with socket_to(browser, f"/ws/sessions/{session}/?after=1") as socket:
            await receive(socket)
            own.webs[0].kill(signal.SIGTERM)
            return await close_code(socket)

    with stream_of(browser, f"sessions/{session}/events/?after=1") as reader:
        started = time.monotonic()
        code, reason = asyncio.run(watch())
        assert list(reader) == []
        assert reader.comments == ["this server is going away; come back"]
    process = own.webs[0].process
    assert process is not None
    process.wait(10)
    assert (code, reason) == (4001, "this server is going away; come back")
    assert time.monotonic() - started < 10


def test_a_worker_killed_in_mid_answer_leaves_the_text_it_had_shown(own: Stack) -> None:
    browser = own.login("alice")
    options = {"delay": 0.05, "text": "word " * 400}
    session = browser.new_session(config={"provider": "echo", "model": "echo", "provider_options": options})

    async def until_interrupted() -> tuple[str, str, list[str]]:
        shown, kept, types, killed = "", "", [], False
        async with socket_to(browser, f"/ws/sessions/{session}/?after=1") as socket:
            await receive(socket)
            await asyncio.to_thread(browser.say, session, "go", answer=True)
            while "run-interrupted" not in types:
                frame = await receive(socket, 60)
                if "notice" in frame:
                    shown += frame["notice"]["text"][len(shown) - frame["notice"]["offset"] :]
                    if len(shown) > 200 and not killed:
                        killed = True
                        own.workers[0].stop(signal.SIGKILL)
                        own.workers[0].start()
                else:
                    types.append(frame["event"]["type"])
                    if types[-1] == "message-added" and frame["event"]["data"]["run_id"]:
                        kept = frame["event"]["data"]["content"][0]["text"]
                        assert frame["event"]["data"]["metadata"] == {"incomplete": True}
        return shown, kept, types

    shown, kept, types = asyncio.run(until_interrupted())
    assert kept
    assert shown.startswith(kept) or kept.startswith(shown)
    assert len(shown) - len(kept) <= 5 * 20, "more than about half a second of text was lost"
    assert types.count("run-interrupted") == 1
    assert "The rows are the same as before." in own.manage("replay", "--check")
