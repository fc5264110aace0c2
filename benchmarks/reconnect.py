"""e: coming back and looking around: 1,000 sockets that missed 100 events, pages of a long session, a long list."""

import time
from contextlib import ExitStack

from benchmarks.lists import LONG, MANY, Page, page_figure
from benchmarks.measure import Figure, medians
from benchmarks.peer import Peer
from benchmarks.stack import Bench, Server
from sessions_app.api.paging import encode_cursor

SOCKETS, BEHIND = 1_000, 100
RESUMED = 10.0
"""The aim: seconds for all sockets."""

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
        messages = f"sessions/{long}/messages/?limit=50"
        pages = [
            Page(f"the last 50 of {LONG:,} messages", f"{messages}&order=desc", LAST, (long,)),
            Page(f"the 50 in the middle of {LONG:,} messages", f"{messages}&cursor={cursor}", MIDDLE, (long,)),
            Page(f"the 20 newest of {MANY:,} sessions", "sessions/?limit=20", LIST, (bench.alice,)),
        ]
        return figures + [page_figure("e", web, headers, database, page) for page in pages]


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
