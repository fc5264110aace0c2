"""P3: one effective executor. A worker that was frozen for longer than its lease writes nothing when it wakes up."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from bus.bus import bus
from bus.messages import Context
from bus.work import lease, runner
from sessions_app import commands
from tests.bus.support import in_threads
from tests.flow.stack import Browser, wait_until
from tests.harness.cluster import Cluster
from tests.story import Story


@pytest.fixture
def go(cluster: Cluster) -> Iterator[Path]:
    """The file for which the slow command waits; in the end there is one in any case."""
    path = cluster.folder / f"slow-{uuid4()}.go"
    yield path
    path.touch()


def enqueue(browser: Browser, session: str, name: str) -> UUID:
    """Leave a slow command to the workers."""
    answer = browser.call(
        "POST",
        "commands/",
        {"name": "note-slowly", "payload": {"session_id": session, "name": name}},
        Prefer="respond-async",
    )
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["command_id"])


def pids(cluster: Cluster, name: str, what: str) -> set[int]:
    """The processes that have started, or left, the handler."""
    return {int(path.name.split(".")[1]) for path in cluster.folder.glob(f"{name}.*.{what}")}


def test_a_frozen_worker_writes_nothing_after_another_took_over(cluster: Cluster, go: Path) -> None:
    browser = cluster.browser()
    session = browser.new_session()
    name = go.stem
    work = enqueue(browser, session, name)
    (frozen,) = wait_until(partial(pids, cluster, name, "started"), what="the start of the work")
    zombie = cluster.worker_with(frozen)
    zombie.kill(signal.SIGSTOP)
    second = wait_until(lambda: pids(cluster, name, "started") - {frozen}, what="another worker taking over").pop()
    go.touch()
    with cluster.connect() as database:
        state = "SELECT state, fence, attempts FROM bus_work WHERE id = %s"
        done = lambda: (database.execute(state, [work]).fetchone() or [""])[0] == "done"  # noqa: E731
        wait_until(done, what="the end of the work")
        kept = database.execute("SELECT * FROM bus_work WHERE id = %s", [work]).fetchone()
        zombie.kill(signal.SIGCONT)
        wait_until(lambda: frozen in pids(cluster, name, "left"), what="the frozen worker going on")
        wait_until(partial(zombie.has_said, str(work).encode()), what="the frozen worker giving up")
        assert database.execute("SELECT * FROM bus_work WHERE id = %s", [work]).fetchone() == kept
        assert database.execute(state, [work]).fetchone() == ("done", 2, 2)
    assert [text for _, ident, text in cluster.messages(session) if ident] == [str(second)]


@pytest.mark.django_db(transaction=True)
def test_a_slow_command_delays_neither_the_renewal_of_other_leases_nor_a_claimer(story: Story) -> None:
    """The command holds its row for as long as it takes; the others of its process must not run out meanwhile."""
    add = commands.AddMessage(session_id=story.id, content="x")
    works = [bus.enqueue(add, Context(actor=story.actor)) for _ in range(2)]
    slow, other = (lease.claim(work, "me", runner.takes()) for work in works)
    assert slow is not None
    assert other is not None
    with transaction.atomic():
        lease.hold(slow)
        renewed, claimed = in_threads(
            lambda: lease.renew([slow, other]), lambda: lease.claim(slow.id, "another", runner.takes())
        )
    assert renewed == ({slow.id, other.id}, set())
    assert claimed is None
