"""A seeded adversary: strikes a Cluster with one fault after the other while a load runs in threads.

The same seed draws the same faults; PROMISE_SEED gives it. After each healing the load must go on."""

import os
import random
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.harness.cluster import Cluster
from tests.harness.history import History
from tests.harness.scale import scaled

DEFAULT_SEED = 274
"""Among its first eight faults are a death and a standstill of a web and of a worker, and deaths of both servers."""
PROGRESS = 5
"""Acknowledgements after each healing, before the next fault."""


class Fault(NamedTuple):
    """What happens, to which web or worker (modulo how many there are), for how many seconds, and how hard (0 to 1)."""

    kind: str
    target: int
    lasts: float
    amount: float


class Kind(NamedTuple):
    """How to strike; how long it may last, in seconds. Every kind is healed by `Cluster.heal`."""

    strike: Callable[[Cluster, Fault], object]
    longest: float = 3.0


def _freeze_web(cluster: Cluster, fault: Fault) -> None:
    cluster.webs[fault.target % len(cluster.webs)].kill(signal.SIGSTOP)


def _freeze_worker(cluster: Cluster, fault: Fault) -> None:
    cluster.workers[fault.target % len(cluster.workers)].kill(signal.SIGSTOP)


KINDS: dict[str, Kind] = {
    "kill a web": Kind(lambda c, f: c.kill_web(f.target % len(c.webs)), 0.5),
    "kill a worker": Kind(lambda c, f: c.kill_worker(f.target % len(c.workers)), 0.5),
    "freeze a web": Kind(_freeze_web),
    "freeze a worker": Kind(_freeze_worker, 5.0),  # longer than the clusters' lease of 3 s
    "restart PostgreSQL": Kind(lambda c, f: c.kill_postgres(), 1.5),
    "kill Redis": Kind(lambda c, f: c.kill_redis()),
    "flush Redis": Kind(lambda c, f: c.flush_redis(), 0.5),
    "slow Redis": Kind(lambda c, f: c.redis_proxy.delay(0.3 * f.amount)),
    "silent Redis": Kind(lambda c, f: c.redis_proxy.black_hole()),
    "resetting Redis": Kind(lambda c, f: c.redis_proxy.reset()),
    "Redis cut in mid-reply": Kind(lambda c, f: c.redis_proxy.cut_after(int(2000 * f.amount)), 1.0),
    "slow PostgreSQL": Kind(lambda c, f: c.database_proxy.delay(0.05 * f.amount)),
    "silent PostgreSQL": Kind(lambda c, f: c.database_proxy.black_hole(), 2.0),
    "resetting PostgreSQL": Kind(lambda c, f: c.database_proxy.reset(), 1.5),
    "PostgreSQL cut in mid-reply": Kind(lambda c, f: c.database_proxy.cut_after(int(20_000 * f.amount)), 1.0),
}

FAULTS = min(scaled(8), 2 * len(KINDS))
"""How many of them a promise is put through."""


def chosen_seed() -> int:
    """PROMISE_SEED, or the one of every day."""
    return int(os.environ.get("PROMISE_SEED", DEFAULT_SEED))


def schedule(seed: int, count: int) -> list[Fault]:
    """The faults of a seed: every kind once, in random order, then every kind again, up to `count` of them."""
    chance = random.Random(seed)
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += chance.sample(sorted(KINDS), len(KINDS))
    return [
        Fault(
            kind, chance.randrange(100), round(chance.uniform(0.1, KINDS[kind].longest), 2), round(chance.random(), 3)
        )
        for kind in kinds[:count]
    ]


class Nemesis:
    """Call `strike` while a load runs that acknowledges into the same history."""

    def __init__(self, cluster: Cluster, history: History, seed: int, count: int = FAULTS) -> None:
        self.seed = seed
        self._cluster = cluster
        self._history = history
        self._faults = schedule(seed, count)
        print(f"PROMISE_SEED={seed}")  # pytest shows it with a failure

    def strike(self) -> None:
        """All faults, each healed. An error names the fault after which the load stood still."""
        for fault in self._faults:
            self._history.note("fault", fault.kind, target=fault.target, lasts=fault.lasts, amount=fault.amount)
            KINDS[fault.kind].strike(self._cluster, fault)
            time.sleep(fault.lasts)  # the length of the fault
            self._cluster.heal()
            self._cluster.wait_for_webs()
            try:
                self._history.reach(self._history.count() + PROGRESS)
            except AssertionError as error:
                raise AssertionError(f"after {fault} (PROMISE_SEED={self.seed}): {error}") from error
        self._history.figures("nemesis", seed=self.seed, faults=len(self._faults))
