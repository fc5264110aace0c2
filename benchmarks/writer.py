"""A process that writes: through the bus, or the same rows with psycopg alone (the floor). Asked by the benchmarks."""

import os
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psycopg  # noqa: E402
import redis  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.fill import fill_messages, fill_runs, fill_sessions  # noqa: E402
from benchmarks.peer import serve  # noqa: E402
from bus.bus import bus  # noqa: E402
from bus.live import broadcast, reader, signals  # noqa: E402
from bus.messages import Actor, Context, Envelope  # noqa: E402
from sessions_app.commands import AddMessage  # noqa: E402

CONTENT = "hello " * 20
DATA = f'{{"content": [{{"type": "text", "text": "{CONTENT}"}}]}}'

ADVANCE = "UPDATE floor_stream SET version = version + 1 WHERE id = %(stream)s RETURNING version"
EVENT = "INSERT INTO floor_event VALUES (%(stream)s, %(version)s, %(data)s::jsonb, now())"
MESSAGE = "INSERT INTO floor_message VALUES (%(stream)s, %(version)s, %(data)s::jsonb, now())"
ONE = f"""
WITH head AS ({ADVANCE}),
event AS (INSERT INTO floor_event SELECT %(stream)s, version, %(data)s::jsonb, now() FROM head RETURNING version)
INSERT INTO floor_message SELECT %(stream)s, version, %(data)s::jsonb, now() FROM event
"""

Step = Callable[[], object]


def _bus(session: str, owner: int) -> Step:
    command, actor = AddMessage(session_id=UUID(session), content=CONTENT), Actor("user", str(owner))
    return lambda: bus.execute(command, Context(actor=actor))


def _raw() -> "psycopg.Connection[Any]":
    wanted: Any = {
        name: value for name, value in connection.get_connection_params().items() if name not in reader.DJANGOS_OWN
    }
    made = psycopg.connect(**wanted, autocommit=True)
    made.prepare_threshold = 0
    return made


def _one(session: str, owner: int) -> Step:
    raw, parameters = _raw(), {"stream": session, "data": DATA}
    return lambda: raw.execute(ONE, parameters)


def _three(session: str, owner: int) -> Step:
    raw = _raw()

    def step() -> None:
        with raw.transaction():
            row = raw.execute(ADVANCE, {"stream": session}).fetchone()
            assert row is not None
            parameters = {"stream": session, "version": row[0], "data": DATA}
            raw.execute(EVENT, parameters)
            raw.execute(MESSAGE, parameters)

    return step


STEPS: dict[tuple[str, str], Step] = {}
"""By way and session: connections and prepared statements are kept, as those of a server are."""


def write(way: str, session: str, owner: int, count: int = 0, seconds: float = 60.0) -> dict[str, float]:
    """As many as `count`, or for so many `seconds`; how many there were, and how long it took."""
    if way == "bus" or (way, session) not in STEPS:
        STEPS[way, session] = {"bus": _bus, "one": _one, "three": _three}[way](session, owner)
    step, done = STEPS[way, session], 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds and (not count or done < count):
        step()
        done += 1
    return {"count": done, "seconds": time.perf_counter() - started}


COMMITTED: list[tuple[str, int, float]] = []


def _committed(envelopes: list[Envelope], **_: object) -> None:
    now = time.monotonic()  # one clock for all processes of a machine
    COMMITTED.extend((str(envelope.stream), envelope.version, now) for envelope in envelopes)


def paced(way: str, sessions: list[str], owner: int, count: int, interval: float) -> list[tuple[str, int, float]]:
    """Write to the sessions in turn, one per `interval` seconds; (session, version, moment of the commit) of each.

    By `redis`: publish as many bytes straight away; the moment is that before publishing."""
    COMMITTED.clear()
    steps = [_publish(session) if way == "redis" else _bus(session, owner) for session in sessions]
    for number in range(count):
        time.sleep(interval)  # the pace of the load
        steps[number % len(steps)]()
    return COMMITTED


CLIENT = redis.Redis.from_url(settings.REDIS_URL)


def _publish(session: str) -> Step:
    version = 0

    def step() -> None:
        nonlocal version
        version += 1
        COMMITTED.append((session, version, time.monotonic()))
        CLIENT.publish(session, f'{{"version":{version},"data":{DATA},"padding":"{"-" * 300}"}}')

    return step


def main() -> None:
    """Ours is told of a commit before the broadcast is: what that takes belongs to the latency."""
    signals.events_recorded.disconnect(broadcast.on_events_recorded)
    signals.events_recorded.connect(_committed, weak=False)
    signals.events_recorded.connect(broadcast.on_events_recorded, weak=False)
    fills: dict[str, Callable[..., Any]] = {
        "fill_sessions": fill_sessions,
        "fill_messages": fill_messages,
        "fill_runs": fill_runs,
    }
    serve({"write": write, "paced": paced, **fills})


if __name__ == "__main__":
    main()
