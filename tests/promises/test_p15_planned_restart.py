"""P15: a planned restart loses nothing. Every web and worker is asked to end (SIGTERM) and started again in turn: what
was acknowledged is there, answers are complete, sockets are told to come back and go on."""

import asyncio
import time
from collections import Counter
from functools import partial

import pytest

from tests.flow.stack import Process, wait_until
from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log, percentile
from tests.harness.scale import SCALE
from tests.promises.ends import ANSWER, SAID, check_commands, check_runs, wait_for_the_end
from tests.promises.load import Asker, Enqueuer, Writer, paced
from tests.promises.readers import Reader, check_readers, read_while

ROUNDS = 1 if SCALE == 1 else 3
READERS = 6
INTERVAL = 0.1
GOING_AWAY = 4001
ORDERLY = {GOING_AWAY, 1012}
"""How a socket may end: told by us, or by the server for one that came in the last moment."""
READY = b"worker ready"


def restart(process: Process, history: History) -> None:
    """Ask it to end, and start it again once it has. Nobody has to kill it."""
    asked = time.monotonic()
    assert process.stop() == 0, f"{process.name} did not end by itself (see {process.log})"
    history.figures(f"end of {process.name}", seconds=round(time.monotonic() - asked, 2))
    process.start()


def restart_everything(cluster: Cluster, history: History) -> None:
    """One after the other, each while the load goes on through the others."""
    for number, web in enumerate(cluster.webs):
        restart(web, history)
        cluster.wait_for_web(number)
        history.reach(history.count() + 5)
    for worker in cluster.workers:
        before = worker.log.read_bytes().count(READY)
        restart(worker, history)
        ready = lambda process=worker, seen=before: process.log.read_bytes().count(READY) > seen  # noqa: E731
        wait_until(ready, what=f"{worker.name} being ready")
        history.reach(history.count() + 5)


@pytest.mark.timeout(300)
def test_a_restart_of_everything_in_turn_loses_nothing(cluster: Cluster, history: History) -> None:
    browser = cluster.browser()
    written, queued, answered = browser.new_session(), browser.new_session(), browser.new_session(config=ANSWER)
    readers = [Reader(cluster.browser(number), written) for number in range(READERS)]
    clients = [
        kind(cluster.browser(number), where, history)
        for number in range(2)
        for kind, where in ((Writer, written), (Enqueuer, queued))
    ]
    asker = Asker(browser, answered, history)

    def post(number: int, *, client: Writer, which: int) -> None:
        client.write(f"{client.session}-{which}-{number}")

    def ask(number: int) -> None:
        if number % 5 == 0:
            asker.write(f"{answered}-{number}")

    def write() -> dict[str, int]:
        posts = [partial(post, client=client, which=which) for which, client in enumerate(clients)]
        with paced([*posts, ask], 100_000, INTERVAL) as enough:
            for _ in range(ROUNDS):
                restart_everything(cluster, history)
            enough.set()
        return {written: len(cluster.messages(written))}

    asyncio.run(read_while(readers, write))
    check_log(history, cluster.messages(written), prefix=written)
    check_readers(cluster, readers)
    assert all(reader.codes[GOING_AWAY] for reader in readers), "a reader was not told that its server goes away"
    codes = sum((reader.codes for reader in readers), Counter[int]())
    assert set(codes) <= ORDERLY, codes
    accepted = {key: ident for key, ident in history.acknowledged.items() if key.startswith(queued)}
    asked = sum(key.startswith(answered) for key in history.acknowledged)
    with cluster.connect() as database:
        wait_for_the_end(database, queued, answered)
        assert set(check_commands(cluster, database, queued, accepted)) == {"done"}
        assert check_runs(database, answered, asked) == {"run-completed": asked}
    texts = [text for _, _, text in cluster.messages(answered) if text and not text.startswith(answered)]
    assert texts == [f"[echo] {SAID}"] * asked
    history.figures(
        "restarts", posts=history.count(), answers=asked, codes=dict(codes), p99=percentile(history.took, 0.99)
    )
