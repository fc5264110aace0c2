"""P5: a client with its last version sees each later event once, in order, whatever is cut or killed meanwhile."""

import asyncio
from collections import Counter
from functools import partial

import pytest

from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log
from tests.harness.nemesis import Nemesis
from tests.harness.scale import SCALE
from tests.promises.load import Writer, paced
from tests.promises.readers import Reader, check_readers, read_while

SESSIONS, READERS = (3, 10) if SCALE == 1 else (10, 50)
INTERVAL = 0.1 if SCALE == 1 else 0.3


@pytest.mark.timeout(300)
def test_every_reader_gets_every_version_once_in_order(cluster: Cluster, history: History, nemesis: Nemesis) -> None:
    sessions = [cluster.browser().new_session() for _ in range(SESSIONS)]
    readers = [Reader(cluster.browser(number), sessions[number % SESSIONS]) for number in range(READERS)]
    clients = [Writer(cluster.browser(number), session, history) for number, session in enumerate(sessions)]

    def post(number: int, *, client: Writer) -> None:
        client.write(f"{client.session}-{number}")

    def write() -> dict[str, int]:
        with paced([partial(post, client=client) for client in clients], 100_000, INTERVAL) as enough:
            nemesis.strike()
            enough.set()
        return {session: len(cluster.messages(session)) for session in sessions}

    asyncio.run(read_while(readers, write))
    for session in sessions:
        check_log(history, cluster.messages(session), prefix=session)
    check_readers(cluster, readers)
    codes = sum((reader.codes for reader in readers), Counter[int]())
    history.figures("readers", delivered=sum(len(r.versions) for r in readers), codes=dict(codes))
