"""One cluster for the promises of a test process; each test leaves it healed."""

import os
from collections.abc import Iterator

import pytest

from config import settings as ours
from tests.harness.cluster import Cluster
from tests.harness.history import History

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Cluster]:
    quick = {"BUS_LEASE_SECONDS": "3", "BUS_RENEW_SECONDS": "1", "DATABASE_POOL_TIMEOUT": "2"}
    made = Cluster(WORKER, settings=quick)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def cluster(_cluster: Cluster) -> Iterator[Cluster]:
    """Two webs, two workers, PostgreSQL and Redis behind proxies; leases of 3 s, 503 after 2 s."""
    yield _cluster
    _cluster.heal()
    _cluster.close_browsers()
    for number in range(len(_cluster.webs)):
        _cluster.wait_for_web(number)


@pytest.fixture
def history(request: pytest.FixtureRequest) -> History:
    """The test's history, kept under var/promises/."""
    return History(ours.VAR / "promises" / f"{request.node.name}.jsonl")
