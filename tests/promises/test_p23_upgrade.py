"""P23: a rolling upgrade. Webs and workers of two versions share one database: what only the newer one knows is left to
it, what it writes can be read by the older one, and tasks carry ids only."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from config import settings as ours
from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, Process, Stack, wait_until
from tests.promises.conftest import WORKER

COMMANDS = 4
"""Enough that the older worker takes up some of them first."""
OLDER, NEWER = 0, 1
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STATES = "SELECT kind, name, state, count(*) FROM bus_work WHERE session = %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"


class TwoVersions(Stack):
    """Even processes are of the older version, odd ones of the newer."""

    def _process(self, name: str, arguments: list[str], environment: dict[str, str]) -> Process:
        version = "newer" if name.endswith(str(NEWER)) else "older"
        plugins = ",".join([f"tests.harness.{version}", *filter(None, [environment.get("PLUGINS")])])
        return super()._process(name, arguments, {**environment, "PLUGINS": plugins})


@pytest.fixture(scope="module")
def versions() -> Iterator[TwoVersions]:
    """A web and a worker of each."""
    sweep = {"BUS_SWEEP_INTERVAL": "0.2", "BUS_SWEEP_GRACE": "0.2"}
    made = TwoVersions(f"versions_{WORKER}", webs=2, workers=2, settings=sweep)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def queued(stack: Stack) -> list[Any]:
    """The messages that wait in Redis for the workers, decoded."""
    with redis.Redis.from_url(ours.REDIS_URL) as client:
        waiting: Any = client.lrange(stack.environment["REDIS_PREFIX"], 0, -1)
    return [json.loads(base64.b64decode(json.loads(line)["body"])) for line in waiting]


def test_what_waits_for_the_workers_are_ids(versions: TwoVersions, request: pytest.FixtureRequest) -> None:
    browser = versions.login("alice", NEWER)
    session = browser.new_session()
    for worker in versions.workers:
        worker.stop()
        request.addfinalizer(worker.start)
    browser.say(session, "a secret that belongs into the database", answer=True)
    body = {"name": "add-message", "payload": {"session_id": session, "content": "another secret"}}
    assert browser.call("POST", "commands/", body, Prefer="respond-async").status_code == 202
    wait_until(lambda: sum(bool(args) for args, *_ in queued(versions)) >= 2, what="hints for a run and a command")
    for args, kwargs, _ in queued(versions):
        assert kwargs == {}
        assert all(ID.fullmatch(arg) for arg in args), args


def told(browser: Browser, session: str, until: int) -> list[dict[str, Any]]:
    """The events of a session as a socket gives them."""

    async def read() -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        async with socket_to(browser, f"/ws/sessions/{session}/?after=0") as socket:
            while len(events) < until:
                frame = await receive(socket)
                if "event" in frame:
                    events.append(frame["event"])
        return events

    return asyncio.run(read())


def test_two_versions_live_on_one_database(versions: TwoVersions) -> None:
    older, newer = versions.login("alice", OLDER), versions.login("alice", NEWER)
    session = newer.new_session()
    body = {"name": "do-thing", "payload": {"session_id": session}}
    assert older.call("POST", "commands/", body).json()["code"] == "unknown-command", "both are newer: nothing is tried"
    for _ in range(COMMANDS):
        assert newer.call("POST", "commands/", body, Prefer="respond-async").status_code == 202

    def states() -> list[Any]:
        with versions.connect() as database:
            return database.execute(_STATES, [session]).fetchall()

    ended = [("command", "do-thing", "done", COMMANDS), ("newer", "thing", "done", COMMANDS)]
    wait_until(lambda: all(state not in ("queued", "running") for _, _, state, _ in states()), what="the end of all")
    assert states() == ended
    last = 1 + 2 * COMMANDS
    for browser in (older, newer):
        assert [event["version"] for event in told(browser, session, last)] == list(range(1, last + 1))
        assert browser.call("GET", f"sessions/{session}/state/").json().get("version") == last
    assert "The rows are the same as before." in versions.manage("replay", "--check")
