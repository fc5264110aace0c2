"""`make bench`: bring up servers, measure, print a JSON line per figure, write docs/benchmarks.md.

Arguments: the letters of benchmarks (all by default); `full` adds what takes long. Nothing is asserted."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("PARLEY_VAR", str(Path(__file__).resolve().parent.parent / "var" / "bench"))
# names no server of a user, and takes none of their hints
os.environ.setdefault("REDIS_PREFIX", "bench")

import django

django.setup()

import redis  # noqa: E402

from benchmarks import durable, fan_out, footprint, graphs, in_process, lists, pages, reconnect, report, rest, streaming  # noqa: E402
from benchmarks.measure import Figure  # noqa: E402
from benchmarks.stack import Bench  # noqa: E402
from config import settings as ours  # noqa: E402

MEASURED: dict[str, Callable[[Bench], list[Figure]]] = {
    "b": durable.measure,
    "c": rest.measure,
    "d": fan_out.measure,
    "e": reconnect.measure,
    "i": lists.measure,
    "j": pages.measure,
}

FULLER: dict[str, Callable[[Bench, bool], list[Figure]]] = {
    "f": footprint.measure,
    "g": streaming.measure,
    "h": graphs.measure,
}
"""Those to which `full` adds something."""


def measured(letter: str, bench: Bench, *, full: bool) -> list[Figure]:
    """The figures of one benchmark."""
    if letter == "a":
        return in_process.measure()
    if letter in FULLER:
        return FULLER[letter](bench, full)
    return MEASURED[letter](bench)


def versions(bench: Bench) -> dict[str, str]:
    """Of the servers that were used."""
    with bench.connect() as database, redis.Redis.from_url(ours.REDIS_URL) as client:
        row = database.execute("SHOW server_version").fetchone()
        assert row is not None
        return {"PostgreSQL": str(row[0]), "Redis": str(client.info("server")["redis_version"])}


def main() -> None:
    """Measure what is asked for. An unknown letter ends this with a usage line."""
    asked = sys.argv[1:]
    full = "full" in asked
    letters = [letter for letter in asked if letter != "full"] or list(report.TITLES)
    if unknown := set(letters) - set(report.TITLES):
        sys.exit(f"bench: there is no {', '.join(sorted(unknown))}; choose from {' '.join(report.TITLES)}, full")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    ours.VAR.mkdir(parents=True, exist_ok=True)
    with ours.EMBEDDED:
        bench = Bench()
        figures = []
        for letter in letters:
            print(f"bench: {letter}. {report.TITLES[letter]}", file=sys.stderr)
            found = measured(letter, bench, full=full)
            for figure in found:
                print(json.dumps(figure.as_line()), flush=True)
            figures += found
        report.write(report.kept(ours.VAR / "results.jsonl", figures), versions(bench))


if __name__ == "__main__":
    main()
