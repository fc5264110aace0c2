"""e: coming back and looking around: 1,000 sockets that missed 100 events, pages of a long session, a long list."""

import http.client
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import psycopg

from benchmarks.measure import Figure, medians
from benchmarks.peer import Peer
from benchmarks.stack import Bench, Server
from sessions_app.api.paging import encode_cursor

SOCKETS, BEHIND = 1_000, 100
LONG, MANY = 100_000, 200_000
ROUNDS = 9
RESUMED, PAGE = 10.0, 50.0
"""The aims: seconds for all sockets, milliseconds for a page."""

EVENTS = "SELECT * FROM bus_storedevent WHERE stream = %s AND version > 1 ORDER BY version LIMIT 200"
LAST = "SELECT * FROM sessions_app_message WHERE conversation_id = %s ORDER BY position DESC LIMIT 51"
MIDDLE = LAST.replace("ORDER BY position DESC", f"AND position > {LONG // 2} ORDER BY position")
LIST = "SELECT * FROM sessions_app_session WHERE owner_id = %s ORDER BY updated_at DESC, id DESC LIMIT 21"


def measure(bench: Bench) -> list[Figure]:
    """The floor is the same rows, asked for in SQL by one connection."""
    with ExitStack() as stack:
        web = stack.enter_context(bench.web()).ready()
        database = stack.enter_context(bench.connect())
        writer = stack.enter_context(bench.writer())
        headers = bench.headers(web)
        figures = [_resumed(bench, web, writer, headers)]
        (long,) = bench.sessions(writer, 1, messages=LONG)
        bench.sessions(writer, MANY)
        cursor = encode_cursor([LONG // 2])
        pages: dict[str, tuple[str, str, str | int]] = {
            f"last 50 of {LONG:,} messages": (f"sessions/{long}/messages/?order=desc&limit=50", LAST, long),
            f"50 in the middle of {LONG:,} messages": (
                f"sessions/{long}/messages/?limit=50&cursor={cursor}",
                MIDDLE,
                long,
            ),
            f"20 newest of {MANY:,} sessions": ("sessions/?limit=20", LIST, bench.alice),
        }
        return figures + [_page(web, headers, database, name, page) for name, page in pages.items()]


def _resumed(bench: Bench, web: Server, writer: Peer, headers: str) -> Figure:
    """Each socket in a session of its own, all at once: nothing that is read for one serves another."""
    sessions = bench.sessions(writer, SOCKETS, messages=BEHIND)
    with bench.load("benchmarks.sockets") as crowd, bench.connect() as database:

        def resume() -> float:
            lines = f"{headers}Origin: {web.url}\r\n"
            took = crowd.ask("connect", port=web.port, headers=lines, sessions=sessions, after=1, events=BEHIND)
            crowd.ask("close")
            return float(took)

        def read() -> float:
            started = time.perf_counter()
            for session in sessions:
                assert len(database.execute(EVENTS, [session]).fetchall()) == BEHIND
            return time.perf_counter() - started

        found = medians({"resume": resume, "read": read})
    return Figure(
        benchmark="e",
        name=f"{SOCKETS:,} sockets come back, each {BEHIND} events behind in a session of its own",
        value=found["resume"],
        unit="s until all caught up",
        floor=found["read"],
        floor_name="the same rows in SQL, one connection",
        aim=f"≤ {RESUMED:.0f} s",
        met=found["resume"] <= RESUMED,
    )


def _page(
    web: Server, headers: str, database: "psycopg.Connection[Any]", name: str, page: tuple[str, str, str | int]
) -> Figure:
    address, query, key = page
    browser = http.client.HTTPConnection("127.0.0.1", web.port)
    sent = dict(line.split(": ", 1) for line in headers.splitlines())

    def shown() -> None:
        browser.request("GET", f"/api/v1/{address}", headers=sent)
        answer = browser.getresponse()
        body = answer.read()
        assert answer.status == 200, body

    found = medians(
        {
            "page": _milliseconds(shown),
            "floor": _milliseconds(lambda: database.execute(query.encode(), [key]).fetchall()),
        },
        ROUNDS,
    )
    browser.close()
    return Figure(
        benchmark="e",
        name=f"`GET` the {name}, `manage.py serve`",
        value=found["page"],
        unit="ms",
        floor=found["floor"],
        floor_name="the query in SQL",
        aim=f"≤ {PAGE:.0f} ms",
        met=found["page"] <= PAGE,
    )


def _milliseconds(work: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        work()
        return 1000 * (time.perf_counter() - started)

    work()
    return run
