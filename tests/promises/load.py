"""Writers as a careful program would be: an Idempotency-Key for each message, the same key again until acknowledged."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar

import httpx

from tests.flow.stack import Browser
from tests.harness.history import History

PATIENCE = 30.0
PAUSE = 0.1
"""Seconds between a failure and the next try of the same key."""


class Writer:
    """Adds messages to one session through one web; subclasses ask for something else under a key."""

    accepted, ident = 201, "id"
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, browser: Browser, session: str, history: History) -> None:
        self.browser = browser
        self.session = session
        self.history = history

    @property
    def path(self) -> str:
        """Where to post."""
        return f"sessions/{self.session}/messages/"

    def body(self, key: str) -> dict[str, Any]:
        """What to post."""
        return {"content": key}

    def write(self, key: str) -> None:
        """Post until acknowledged."""
        end = time.monotonic() + PATIENCE
        while not self.attempt(key):
            assert time.monotonic() < end, f"{key} was not acknowledged within {PATIENCE} s"
            time.sleep(PAUSE)  # the pace of the load

    def attempt(self, key: str) -> bool:
        """Post once. Anything but acceptance, a cut connection, and a 503 that is as documented is an error."""
        self.history.note("invoke", key)
        started = time.monotonic()
        try:
            answer = self.browser.call("POST", self.path, self.body(key), Idempotency_Key=key, **self.headers)
        except httpx.TransportError as error:
            self.history.note("info", key, error=repr(error))
            return False
        if answer.status_code == self.accepted:
            self.history.ok(key, answer.json()[self.ident], time.monotonic() - started)
            return True
        self.history.note("fail", key, status=answer.status_code, took=time.monotonic() - started)
        check_unavailable(answer)
        return False


class Asker(Writer):
    """Adds messages that want an answer."""

    def body(self, key: str) -> dict[str, Any]:
        """A message and the wish for an answer."""
        return {"content": key, "answer": True}


class Enqueuer(Writer):
    """Leaves messages to the workers."""

    accepted, ident = 202, "command_id"
    headers: ClassVar[dict[str, str]] = {"Prefer": "respond-async"}

    @property
    def path(self) -> str:
        """Where to post."""
        return "commands/"

    def body(self, key: str) -> dict[str, Any]:
        """The command that adds the message."""
        return {"name": "add-message", "payload": {"session_id": self.session, "content": key}}


def check_unavailable(answer: httpx.Response) -> None:
    """503 as a problem document with Retry-After: the only failure an outage may cause."""
    assert answer.status_code == 503, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unavailable"
    assert int(answer.headers["retry-after"]) >= 1


@contextmanager
def paced(writers: Sequence[Callable[[int], Any]], count: int, interval: float) -> Iterator[threading.Event]:
    """While inside, each writer is called with 0..count-1, one call per `interval` seconds; leaving waits for the end.

    The event, when set, ends them early."""
    enough = threading.Event()

    def run(writer: Callable[[int], Any]) -> None:
        for number in range(count):
            writer(number)
            if enough.wait(interval):  # the pace of the load
                return

    with ThreadPoolExecutor(len(writers)) as pool:
        running = [pool.submit(run, writer) for writer in writers]
        try:
            yield enough
        except BaseException:
            enough.set()
            _results(running)  # a writer that failed is why the condition inside did not come true
            raise
        _results(running)


def _results(running: Sequence[Future[None]]) -> None:
    for done in running:
        done.result()
