"""Redis dies, freezes and comes back: the worker lives, work is done, readers miss nothing, callers do not wait."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, Stack, wait_until
from tests.stack.conftest import HINT_SECONDS
from tests.stack.private_redis import PrivateRedis

MESSAGES = 20


@pytest.fixture(autouse=True)
def _redis_is_there(fragile: Stack, own_redis: PrivateRedis) -> Iterator[None]:
    """Each test begins and ends with a Redis on whose queue the worker listens."""
    wait_until(own_redis.waits_for_work, what="the worker listening")
    yield
    own_redis.kill()
    own_redis.start()


def answered_after(stack: Stack, browser: Browser) -> float:
    """Have the worker answer a message; how long it took from due to done, by the database's clock."""
    session = browser.new_session()
    browser.say(session, "hello", answer=True)
    query = "SELECT extract(epoch FROM finished_at - run_after) FROM bus_work WHERE session = %s AND state = 'done'"

    def took() -> Any:
        with stack.connect() as database:
            return database.execute(query, [session]).fetchone()

    return float(wait_until(took, what="the answer")[0])


def post_while_watched(browser: Browser) -> tuple[float, list[int]]:
    """Post messages to a session that is watched, the last to be answered: how long that took, what the reader got."""
    session = browser.new_session()

    def post() -> float:
        started = time.monotonic()
        for number in range(MESSAGES):
            browser.say(session, f"message {number}", answer=number == MESSAGES - 1)
        return time.monotonic() - started

    async def watch() -> tuple[float, list[int]]:
        async with socket_to(browser, f"/ws/sessions/{session}/?after=1") as socket:
            await receive(socket)
            took = await asyncio.to_thread(post)
            return took, [(await receive(socket))["event"]["version"] for _ in range(MESSAGES)]

    return asyncio.run(watch())


def test_an_idle_worker_survives_the_death_of_redis(fragile: Stack, own_redis: PrivateRedis) -> None:
    browser = fragile.login("alice")
    assert answered_after(fragile, browser) < HINT_SECONDS
    worker = fragile.workers[0].process
    assert worker is not None
    own_redis.kill()
    assert answered_after(fragile, browser) >= HINT_SECONDS, "nothing but the sweeper can have found it"
    own_redis.start()
    wait_until(own_redis.waits_for_work, what="the worker listening again")
    assert answered_after(fragile, browser) < HINT_SECONDS, "the hints do not arrive any more"
    assert worker.poll() is None


def test_a_reader_misses_nothing_while_redis_is_dead(fragile: Stack, own_redis: PrivateRedis) -> None:
    browser = fragile.login("alice")
    own_redis.kill()
    _, got = post_while_watched(browser)
    assert got == list(range(2, MESSAGES + 2))


def test_a_frozen_redis_holds_up_neither_callers_nor_readers(fragile: Stack, own_redis: PrivateRedis) -> None:
    browser = fragile.login("alice")
    answered_after(fragile, browser)  # the web has its connections open: what is sent now is written and not answered
    own_redis.freeze()
    took, got = post_while_watched(browser)
    assert took < 5, f"{MESSAGES} messages took {took:.1f} s: a caller waited for Redis"
    assert got == list(range(2, MESSAGES + 2))


def test_hints_arrive_after_redis_was_flushed(fragile: Stack, own_redis: PrivateRedis) -> None:
    browser = fragile.login("alice")
    answered_after(fragile, browser)
    own_redis.call("FLUSHALL")
    assert answered_after(fragile, browser) < HINT_SECONDS
