"""i: pages of long lists, the first and the thousandth; search where much is found; a report over many sessions."""

import http.client
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import quote

import psycopg

from benchmarks.measure import Figure, medians
from benchmarks.stack import Bench, Server
from sessions_app.api.paging import encode_cursor

LONG, MANY, RUNS = 100_000, 200_000, 25_000
SIZE = 20
DEEP = 999 * SIZE
"""Rows before page 1,000."""
ROUNDS = 9
LISTED, SEARCHED = 50.0, 150.0
"""The aims, in milliseconds."""

SESSIONS = "FROM sessions_app_session WHERE owner_id = %s{} ORDER BY updated_at DESC, id DESC"
MESSAGES = "FROM sessions_app_message WHERE conversation_id = %s{} ORDER BY position"
RUN_ROWS = "FROM sessions_app_run WHERE session_id = %s{} ORDER BY id DESC"
EVENTS = "FROM bus_storedevent WHERE stream = %s{} ORDER BY version"
WORDS = "SELECT id, content FROM sessions_app_message WHERE words @@ %s::tsquery LIMIT 20"
TITLES = "SELECT session_id, text FROM sessions_app_title WHERE words @@ %s::tsquery LIMIT 20"
USE = "SELECT sum(messages) FROM sessions_app_dailyuse WHERE owner = %s"


class Page(NamedTuple):
    """What is asked for, and the floor: the same rows in SQL."""

    name: str
    address: str
    query: str
    values: tuple[Any, ...]
    aim: float = LISTED


def measure(bench: Bench) -> list[Figure]:
    """All by one web process, one request after the other."""
    with ExitStack() as stack:
        web = stack.enter_context(bench.web()).ready()
        database = stack.enter_context(bench.connect())
        writer = stack.enter_context(bench.writer())
        (long,) = bench.sessions(writer, 1)
        writer.ask("fill_runs", owner=bench.alice, session=long, count=RUNS)
        writer.ask("fill_messages", owner=bench.alice, sessions=[long], count=LONG)
        bench.sessions(writer, MANY)
        headers = bench.headers(web)
        pages = [*_lists(database, bench.alice, long), *_searches(bench.alice, long)]
        return [page_figure("i", web, headers, database, page) for page in pages]


def _lists(database: "psycopg.Connection[Any]", alice: int, long: str) -> list[Page]:
    """Of each list the first page and the thousandth."""
    inside = f"sessions/{long}/"
    kinds: list[tuple[str, str, str, Any, tuple[str, ...], str]] = [
        (f"{MANY:,} sessions", "sessions/", SESSIONS, alice, ("updated_at", "id"), "<"),
        (f"{LONG:,} messages", f"{inside}messages/", MESSAGES, long, ("position",), ">"),
        (f"{RUNS:,} runs", f"{inside}runs/", RUN_ROWS, long, ("id",), "<"),
        (f"{LONG:,} events", f"{inside}events/", EVENTS, long, ("version",), ">"),
    ]
    pages = []
    for name, address, rows, whose, key, compared in kinds:
        columns = ", ".join(key)
        last = database.execute(f"SELECT {columns} {rows.format('')} OFFSET {DEEP - 1} LIMIT 1".encode(), [whose])
        found = last.fetchone()
        assert found is not None, name
        after = f"after={found[0]}" if address.endswith("events/") else f"cursor={encode_cursor(list(found))}"
        beyond = rows.format(f" AND ({columns}) {compared} ({', '.join(['%s'] * len(key))})")
        first = rows.format("")
        pages += [
            Page(f"page 1 of {name}", f"{address}?limit={SIZE}", f"SELECT * {first} LIMIT 21", (whose,)),
            Page(
                f"page 1,000 of {name}",
                f"{address}?limit={SIZE}&{after}",
                f"SELECT * {beyond} LIMIT 21",
                (whose, *found),
            ),
        ]
    return pages


def _searches(alice: int, long: str) -> list[Page]:
    """From a word of one message to one of all; every message says `hello` and a number."""
    asked = {
        "a word of one message": ("77777", "'77777':*"),
        "words of one message, one of which all have": ("hello 77777", "'hello' & '77777'"),
        "a phrase": ('"hello 77777"', "'hello' <-> '77777'"),
        "the beginning of 1,111 words": ("hello 777", "'777':*"),
        f"a word of {LONG:,} messages": ("hello", "'hello'"),
        f"{LONG:,} messages without a word": ("hello -77777", "'hello' & !'77777'"),
    }
    pages = [
        Page(f"search for {name}", f"search/?q={quote(text)}", WORDS, (query,), SEARCHED)
        for name, (text, query) in asked.items()
    ]
    titles = f"a word of {MANY:,} titles"
    days = f"analytics/?limit={SIZE}"
    return [
        *pages,
        Page("search in that session", f"search/?q=hello&session={long}", WORDS, ("'hello'",), SEARCHED),
        Page(f"search for {titles}", "search/?q=session&in=titles", TITLES, ("'session'",), SEARCHED),
        Page(f"list of sessions by {titles}", "sessions/?q=session", TITLES, ("'session'",), SEARCHED),
        Page(f"report of {MANY:,} sessions by day", days, USE, (alice,), 10 * LISTED),
        Page(f"report of {MANY:,} sessions by session", f"{days}&group=session", USE, (alice,), 10 * LISTED),
    ]


def page_figure(benchmark: str, web: Server, headers: str, database: "psycopg.Connection[Any]", page: Page) -> Figure:
    """The median time of a GET, beside that of its rows in SQL."""
    browser = http.client.HTTPConnection("127.0.0.1", web.port)
    sent = dict(line.split(": ", 1) for line in headers.splitlines())

    def shown() -> None:
        browser.request("GET", f"/api/v1/{page.address}", headers=sent)
        answer = browser.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        assert b'"data":[{' in body, body

    found = medians(
        {
            "page": _milliseconds(shown),
            "floor": _milliseconds(lambda: database.execute(page.query.encode(), page.values).fetchall()),
        },
        ROUNDS,
    )
    browser.close()
    return Figure(
        benchmark=benchmark,
        name=f"`GET` {page.name}, `manage.py serve`",
        value=found["page"],
        unit="ms",
        floor=found["floor"],
        floor_name="the query in SQL",
        aim=f"≤ {page.aim:.0f} ms",
        met=found["page"] <= page.aim,
    )


def _milliseconds(work: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        work()
        return 1000 * (time.perf_counter() - started)

    work()
    return run
