"""P8: a restart of PostgreSQL is an outage, not a loss: requests answer 503 with Retry-After or succeed, sockets stay
or are told to come back, and all is well again within ten seconds."""

import asyncio
import time
from functools import partial

from websockets.exceptions import ConnectionClosed

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, wait_until
from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log, check_versions
from tests.promises.load import Writer, paced

WRITERS = 4
RECOVERY = 10.0
COME_BACK = {4001, 4013}


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
    each, codes = 30, list[int | None]()
    last = 1 + WRITERS * each

    def write(number: int, *, writer: int, client: Writer) -> None:
        client.write(f"{session}-{writer}-{number}")

    async def read() -> list[list[int]]:
        readers = [follow(cluster.browser(number), session, last, codes) for number in range(4)]
        return await asyncio.wait_for(asyncio.gather(*readers), 60)

    def outage() -> None:
        history.reach(30)
        cluster.kill_postgres()
        wait_until(lambda: history.kinds["fail"] >= WRITERS, what="requests refused for the outage")
        cluster.start_servers()
        answered, before = time.monotonic(), history.count()
        wait_until(lambda: history.count() >= before + 2 * WRITERS, deadline=RECOVERY, what="recovery")
        history.note("info", "recovered", seconds=round(time.monotonic() - answered, 3))

    async def everything() -> list[list[int]]:
        reading = asyncio.create_task(read())
        writers = [
            partial(write, writer=number, client=Writer(cluster.browser(number), session, history))
            for number in range(WRITERS)
        ]
        with paced(writers, each, 0.1):
            await asyncio.to_thread(outage)
        return await reading

    delivered = asyncio.run(everything())
    history.note("info", "codes", codes=codes)
    assert set(codes) <= COME_BACK
    for versions in delivered:
        check_versions(versions, last)
    check_log(history, cluster.messages(session))
