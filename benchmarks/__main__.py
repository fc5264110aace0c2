"""`make bench`: a durable append through the bus, beside the least PostgreSQL needs for the same rows."""

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("PARLEY_VAR", str(Path(__file__).resolve().parent.parent / "var" / "bench"))

ROUNDS = 5
PER_ROUND = 300

FLOOR = """
WITH head AS (UPDATE bus_stream SET version = version + 1 WHERE id = %(stream)s RETURNING version),
event AS (INSERT INTO floor_event SELECT %(stream)s, version, %(data)s::jsonb, now() FROM head RETURNING version)
INSERT INTO floor_message SELECT %(stream)s, version, %(data)s::jsonb, now() FROM event
"""


def main() -> None:
    """Bring up the servers, measure, print one JSON line per figure."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    with settings.EMBEDDED:
        call_command("migrate", verbosity=0)
        for name, figure in measured().items():
            print(json.dumps({"benchmark": name, **figure}))


def measured() -> dict[str, dict[str, Any]]:
    """Rounds of both, interleaved, on one new session."""
    from django.db import connection

    from bus.bus import bus
    from sessions_app.commands import AddMessage, CreateSession

    session = UUID(str(bus.execute(CreateSession()).data["id"]))
    with connection.cursor() as cursor:
        for table in ("floor_event", "floor_message"):
            columns = "stream uuid, version bigint, data jsonb, at timestamptz, PRIMARY KEY (stream, version)"
            cursor.execute(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns})")
    data = json.dumps({"content": [{"type": "text", "text": "hello"}]})

    def floor() -> None:
        with connection.cursor() as cursor:
            cursor.execute(FLOOR, {"stream": session, "data": data})

    def append() -> None:
        bus.execute(AddMessage(session_id=session, content="hello"))

    contenders: dict[str, Callable[[], None]] = {"one statement (floor)": floor, "add-message": append}
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            started = time.perf_counter()
            for _ in range(PER_ROUND):
                run()
            rates[name].append(PER_ROUND / (time.perf_counter() - started))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE floor_event; DROP TABLE floor_message")
    return {name: {"median per second": round(statistics.median(found))} for name, found in rates.items()}


if __name__ == "__main__":
    main()
