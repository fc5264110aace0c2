"""One cluster for the promises; each test leaves it healed."""

import os
from collections.abc import Iterator

import pytest

from config import settings as ours
from tests.flow.stack import Stack
from tests.harness.cluster import Cluster
from tests.harness.history import History
from tests.harness.nemesis import Nemesis, chosen_seed
from tests.harness.provider import ScriptedProvider

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
QUICK = {"BUS_LEASE_SECONDS": "3", "BUS_RENEW_SECONDS": "1", "DATABASE_POOL_TIMEOUT": "2"}


def asking(provider: ScriptedProvider) -> dict[str, str]:
    """The settings with which answers are asked of it."""
    return {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "a key that nobody checks"}


@pytest.fixture(scope="package")
def provider() -> Iterator[ScriptedProvider]:
    """What the models of `openai` say in the cluster."""
    with ScriptedProvider() as made:
        yield made


@pytest.fixture(scope="package")
def _cluster(provider: ScriptedProvider) -> Iterator[Cluster]:
    made = Cluster(WORKER, settings={**QUICK, **asking(provider)})
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
    _cluster.wait_for_webs()


@pytest.fixture(scope="package")
def _tight() -> Iterator[Stack]:
    few = {
        "MAX_CONCURRENT_REQUESTS": "8",
        "DATABASE_POOL": "6",
        "DATABASE_POOL_TIMEOUT": "2",
        "DATABASE_IDLE": "1",
        "BUS_READER_CONNECTIONS": "2",
    }
    mutated = {name: os.environ[name] for name in few if name in os.environ}
    made = Stack(f"tight_{WORKER}", settings={**few, **mutated})
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def tight(_tight: Stack) -> Iterator[Stack]:
    """A web and a worker with little: 8 requests at once, 6 + 2 connections a process; a mutant may have more."""
    yield _tight
    _tight.close_browsers()


@pytest.fixture
def history(request: pytest.FixtureRequest) -> History:
    """The test's history, kept under var/promises/."""
    return History(ours.VAR / "promises" / f"{request.node.name}.jsonl")


@pytest.fixture
def nemesis(cluster: Cluster, history: History) -> Nemesis:
    """Faults drawn from PROMISE_SEED."""
    return Nemesis(cluster, history, chosen_seed())
