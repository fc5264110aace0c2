"""A Redis of the test's own, and stacks on such a one: nobody else is disturbed by what is done to it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.stack import Stack
from tests.stack.private_redis import PrivateRedis

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
HINT_SECONDS = 3.0
"""Work done sooner than this came by a hint: the sweepers of `fragile` leave it alone for so long."""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    """A running Redis."""
    made = PrivateRedis(tmp_path)
    made.start()
    yield made
    made.kill()


def _stack_on(redis: PrivateRedis, name: str, workers: int, settings: dict[str, str]) -> Iterator[Stack]:
    redis.start()
    stack = Stack(f"{name}_{WORKER}", workers=workers, settings={"REDIS_URL": redis.url, **settings})
    try:
        yield stack.start()
    finally:
        stack.stop()
        redis.kill()


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> PrivateRedis:
    """The Redis of the module's stack, not yet running."""
    return PrivateRedis(tmp_path_factory.mktemp("redis"))


@pytest.fixture(scope="module")
def unpolled(django_db_setup: None, own_redis: PrivateRedis) -> Iterator[Stack]:
    """A web that does not poll in the time of a test: what its sockets get has come through Redis."""
    yield from _stack_on(own_redis, "unpolled", 0, {"BUS_POLL_INTERVAL": "600"})


@pytest.fixture(scope="module")
def fragile(django_db_setup: None, own_redis: PrivateRedis) -> Iterator[Stack]:
    """A web and a worker as configured, but for a sweeper that leaves more time to the hints."""
    yield from _stack_on(own_redis, "fragile", 1, {"BUS_SWEEP_GRACE": str(HINT_SECONDS)})


@pytest.fixture(autouse=True)
def _logged_out(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"unpolled", "fragile", "narrow"} & set(request.fixturenames):
        request.getfixturevalue(name).close_browsers()
