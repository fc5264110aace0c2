"""P6: from commit to frame p99 <= 300 ms; <= 2 s while Redis is down, wiped or frozen."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.flow.stack import wait_until
from tests.harness.cluster import Cluster
from tests.harness.history import History, percentile
from tests.harness.scale import scaled
from tests.promises.load import Writer, paced
from tests.promises.readers import Reader, check_readers, read_while

SESSIONS = 3
READERS = 10
INTERVAL = 0.1
EACH_PHASE = scaled(60)
"""Messages of all writers, at about 30 per second."""
QUICK, WORST = 0.3, 2.0
LIMITS = {"healthy": QUICK, "down": WORST, "back": WORST, "wiped": WORST, "frozen": WORST, "thawed": WORST}
BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 5.0)


def phases(cluster: Cluster, history: History, readers: list[Reader]) -> list[tuple[str, datetime]]:
    """Each lasts while so many messages are written; when each began. The first begins once frames come quickly: the
    test before this one may have taken Redis away."""
    wait_until(lambda: all(reader.took and reader.took[-1][1] <= QUICK for reader in readers), what="quick frames")
    faults = (None, cluster.kill_redis, cluster.start_servers, cluster.flush_redis)
    began = []
    for name, fault in zip(LIMITS, (*faults, cluster.redis_proxy.black_hole, cluster.redis_proxy.heal), strict=True):
        if fault is not None:
            fault()
        began.append((name, datetime.now(UTC)))
        history.reach(history.count() + EACH_PHASE, deadline=120)
    return began


def histogram(took: list[float]) -> dict[str, int]:
    """How many frames took at most so many seconds, and no less than the bucket before."""
    counts = {f"<={bound}": sum(seconds <= bound for seconds in took) for bound in BUCKETS}
    pairs = zip((0, *counts.values()), counts.values(), strict=False)
    return dict(zip(counts, (upper - lower for lower, upper in pairs), strict=True))


def check_times(history: History, readers: list[Reader], began: list[tuple[str, datetime]]) -> None:
    """p99 from commit to frame, for what was committed in each phase."""
    ends = [at for _, at in began[1:]] + [datetime.max.replace(tzinfo=UTC)]
    late = []
    for (name, start), end in zip(began, ends, strict=True):
        took = [seconds for reader in readers for at, seconds in reader.took if start <= at < end]
        p50, p99 = round(percentile(took, 0.5), 4), round(percentile(took, 0.99), 4)
        history.figures(name, frames=len(took), p50=p50, p99=p99, worst=round(max(took), 4), **histogram(took))
        late += [f"p99 while Redis was {name}: {p99} s"] if p99 > LIMITS[name] else []
    assert not late, late


@pytest.mark.timeout(300)
def test_frames_follow_commits_soon_whatever_redis_does(cluster: Cluster, history: History) -> None:
    sessions = [cluster.browser().new_session() for _ in range(SESSIONS)]
    readers = [Reader(cluster.browser(number), sessions[number % SESSIONS]) for number in range(READERS)]
    clients = [Writer(cluster.browser(number), session, history) for number, session in enumerate(sessions)]
    began: list[tuple[str, datetime]] = []

    def post(number: int, *, client: Writer) -> None:
        client.write(f"{client.session}-{number}")

    def write() -> dict[str, int]:
        with paced([partial(post, client=client) for client in clients], 100_000, INTERVAL) as enough:
            began.extend(phases(cluster, history, readers))
            enough.set()
        return {session: len(cluster.messages(session)) for session in sessions}

    asyncio.run(read_while(readers, write))
    check_readers(cluster, readers)
    check_times(history, readers, began)
