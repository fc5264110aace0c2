"""Figures and how they are come by: contenders take turns, so that a noisy moment of the machine hits all of them."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

ROUNDS = 3

Measurement = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A median and what it is measured against. `floor`: the least that the same work costs without Parley."""

    benchmark: str
    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    aim: str = ""
    met: bool | None = None

    def as_line(self) -> dict[str, Any]:
        """What is stored, with the day it was measured."""
        return {**asdict(self), "date": datetime.now(UTC).date().isoformat()}


def interleaved(contenders: Mapping[str, Measurement], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """One measurement of each contender per round; every other round in reverse order."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        order = list(contenders.items())
        for name, measurement in reversed(order) if number % 2 else order:
            found[name].append(measurement())
    return found


def medians(contenders: Mapping[str, Measurement], rounds: int = ROUNDS) -> dict[str, float]:
    """The contenders' medians."""
    return {name: statistics.median(values) for name, values in interleaved(contenders, rounds).items()}


def rate(work: Callable[[], object], count: int) -> float:
    """How many of its `count` steps `work` does in a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def wait(condition: Callable[[], Any], what: str, deadline: float = 60.0) -> None:
    """Until the condition is true; TimeoutError where it does not become so. Looks often: what it ends is timed."""
    end = time.perf_counter() + deadline
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError(f"{what} did not happen within {deadline:.0f} s")
        time.sleep(0.005)


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0))
