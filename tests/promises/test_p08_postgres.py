"""P8: a restart of PostgreSQL is an outage, not a loss: requests answer 503 with Retry-After or succeed, sockets stay
or are told to come back, and all is well again within ten seconds."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, wait_until
from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log, check_versions
from tests.harness.scale import SCALE
from tests.promises.conftest import QUICK, WORKER
from tests.promises.ends import check_runs, wait_for_the_end
from tests.promises.load import Asker, Writer, paced

WRITERS = 4
OUTAGES = 1 if SCALE == 1 else 3
RECOVERY = 10.0
COME_BACK = {4001, 4013}
LENGTHS = (20, 30, 40, 60)
"""Words of answers, at 20 per second: some end while PostgreSQL is away, others go on when it is back."""
UNSTORED = b"chunks not stored"
"""What a worker says when it notices the outage in mid-answer."""


async def follow(browser: Browser, session: str, until: int, codes: list[int | None]) -> list[int]:
    """The versions one careful client is given; it comes back after every cut, whose codes it notes."""
    versions: list[int] = []
    while not versions or versions[-1] < until:
        path = f"/ws/sessions/{session}/?after={versions[-1] if versions else 0}"
        async with socket_to(browser, path) as socket:
            try:
                while not versions or versions[-1] < until:
                    frame = await receive(socket, 40)
                    if "event" in frame:
                        versions.append(frame["event"]["version"])
            except ConnectionClosed:
                codes.append(socket.close_code)
    return versions


def test_a_restart_of_postgres_is_an_outage_and_not_a_loss(cluster: Cluster, history: History) -> None:
    session = cluster.browser().new_session()
    each, codes = 30 * OUTAGES, list[int | None]()
    last = 1 + WRITERS * each

    def write(number: int, *, writer: int, client: Writer) -> None:
        client.write(f"{session}-{writer}-{number}")

    async def read() -> list[list[int]]:
        readers = [follow(cluster.browser(number), session, last, codes) for number in range(4)]
        return await asyncio.wait_for(asyncio.gather(*readers), 60 * OUTAGES)

    def outage(number: int) -> None:
        history.reach((number + 1) * 30, deadline=60)
        refused = history.kinds["fail"]
        cluster.kill_postgres()
        wait_until(lambda: history.kinds["fail"] >= refused + WRITERS, what="requests refused for the outage")
        cluster.start_servers()
        answered, before = time.monotonic(), history.count()
        wait_until(lambda: history.count() >= before + 2 * WRITERS, deadline=RECOVERY, what="recovery")
        history.figures("recovered", seconds=round(time.monotonic() - answered, 3))

    async def everything() -> list[list[int]]:
        reading = asyncio.create_task(read())
        writers = [
            partial(write, writer=number, client=Writer(cluster.browser(number), session, history))
            for number in range(WRITERS)
        ]
        with paced(writers, each, 0.1):
            for number in range(OUTAGES):
                await asyncio.to_thread(outage, number)
        return await reading

    delivered = asyncio.run(everything())
    history.figures("codes", codes=codes)
    assert set(codes) <= COME_BACK
    for versions in delivered:
        check_versions(versions, last)
    check_log(history, cluster.messages(session))


def streaming(database: Any, sessions: list[str]) -> bool:
    """Whether each session's answer has begun and is stored in part."""
    query = (
        "SELECT count(DISTINCT c.run) FROM sessions_app_runchunk AS c"
        " JOIN bus_work AS w ON w.id = c.run AND w.session = ANY(%s::uuid[])"
    )
    count: int = database.execute(query, [sessions]).fetchone()[0]
    return count == len(sessions)


@pytest.fixture
def patient() -> Iterator[Cluster]:
    """A web and a worker whose leases outlast a restart, as those of every day do."""
    made = Cluster(f"patient_{WORKER}", webs=1, workers=1, settings={**QUICK, "BUS_LEASE_SECONDS": "20"})
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_answers_in_mid_stream_survive_it_and_are_complete(patient: Cluster, history: History) -> None:
    browser = patient.browser()
    texts = [" ".join(f"word{number}" for number in range(length)) for length in LENGTHS]
    configs = [
        {"provider": "echo", "model": "echo", "provider_options": {"delay": 0.05, "text": text}} for text in texts
    ]
    sessions = [browser.new_session(config=config) for config in configs]

    for session in sessions:
        Asker(browser, session, history).write(f"{session}-ask")
    with patient.connect() as database:
        wait_until(partial(streaming, database, sessions), what="all answers being under way")
    patient.kill_postgres()
    killed = time.monotonic()
    wait_until(partial(patient.workers[0].has_said, UNSTORED), what="a worker noticing it in mid-answer")
    patient.start_servers()
    history.figures("outage", seconds=round(time.monotonic() - killed, 3))
    with patient.connect() as database:
        wait_for_the_end(database, *sessions)
        for session, text in zip(sessions, texts, strict=True):
            assert check_runs(database, session, 1) == {"run-completed": 1}
            told = [shown for _, _, shown in patient.messages(session) if shown]
            assert told == [f"{session}-ask", f"[echo] {text}"]
