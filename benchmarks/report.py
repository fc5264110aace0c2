"""docs/benchmarks.md, from all figures that were measured on this machine: what, how much, the floor, the aim."""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, cores
from benchmarks.peer import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
TITLES = {
    "a": "The bus in the process, without a database",
    "b": "A durable message",
    "c": "A message by REST",
    "d": "From the commit to the socket",
    "e": "Coming back, and reading",
    "f": "Start and memory",
    "g": "Answers as they stream",
    "h": "Graphs of prompts",
    "i": "Lists and search",
    "j": "Pages in a browser",
}
NOTES = {
    "b": "Writers are processes. Their connection stays open, as a pool's does. Sessions are filled by SQL.",
    "c": "Each connection posts to a session of its own, one request after the other. The floor neither knows who "
    "calls nor tells anybody. Processor time is that of the web process with its children, without PostgreSQL.",
    "d": "Server, clients and writer share the cores named above. Latency is from the commit (floor: from before "
    "publishing) to the bytes in the client's process, events paced; deliveries/s are those of a burst, writing "
    "included: with one socket, or one per session, it is the writer that limits.",
    "e": "The floor is one connection to PostgreSQL that asks for the same rows and decodes them.",
    "f": "Memory is resident memory, right after the start.",
    "g": "Provider, workers, web, clients, PostgreSQL and Redis share the cores named above. Every stream is in a "
    "session of its own with a socket that watches it; leases, chunks and pushes are on. A token is late by what lies "
    "between the provider's sending it and its arrival at the socket; at 50 tokens/s, 100 take 2 s at best.",
    "h": "Web, one worker, PostgreSQL and Redis share the cores named above; the model answers at once. A graph is "
    "timed from before its POST until its last node has ended. So a node's share has all there is: checking and "
    "storing the graph; a conversation, prompt and run; a worker that takes the run up, the answer, its message; the "
    "step that begins the next. The floor's runs are each requested in the transaction in which the one before ended.",
    "i": "All rows are of one person, who asks. Every message of the long session says one word that all have, and a "
    "number of its own; all sessions have the same title. The floor is one connection to PostgreSQL that asks for the "
    "same rows; for search, for any twenty that match, not the best; for the report, for one sum.",
    "j": "Chromium without a screen, the servers and PostgreSQL share the cores named above. Each opening has an empty "
    "cache; the page holds the newest 40 messages, half of them answers with code and a table. What streams is made "
    "prose by the server a block at a time, and appended once per frame; what that takes is processor time of the "
    "page's main thread, since a frame may wait for servers that share its cores.",
}
PACKAGES = ("django", "djangorestframework", "psycopg", "channels", "celery", "redis", "uvicorn", "granian", "msgspec")


def kept(results: Path, measured: Sequence[Figure]) -> list[dict[str, Any]]:
    """Store the new figures in place of older ones of the same benchmarks; all there are."""
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    anew = {figure.benchmark for figure in measured}
    lines = [line for line in lines if line["benchmark"] not in anew] + [figure.as_line() for figure in measured]
    lines.sort(key=lambda line: str(line["benchmark"]))  # stable: within a benchmark as measured
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return lines


def machine() -> str:
    """Processor and memory; nothing that names the machine."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    return f"{cores()} cores of {model}, {memory:.0f} GiB of memory"


def write(lines: Sequence[Mapping[str, Any]], servers: Mapping[str, str]) -> None:
    """The page; `servers` are the versions of PostgreSQL and Redis."""
    versions = {"Python": platform.python_version(), **servers, **{name: version(name) for name in PACKAGES}}
    text = [
        "# Benchmarks",
        "",
        'Written by `make bench` (`make bench ARGS="b c"` for some of them). Medians of at least three rounds; each',
        "figure stands beside its *floor*, the least that this work costs without Parley, measured in the same run,",
        "in turns.",
        "",
        f"- Machine: {machine()}; servers, clients and load generators all run on it.",
        f"- Versions: {', '.join(f'{name} {number}' for name, number in versions.items())}.",
    ]
    for letter, title in TITLES.items():
        rows = [line for line in lines if line["benchmark"] == letter]
        if rows:
            text += ["", f"## {letter}. {title}", "", *_table(rows), "", f"Measured on {rows[0]['date']}."]
            text[-1] += f" {NOTES[letter]}" if letter in NOTES else ""
    PAGE.write_text("\n".join(text) + "\n")


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ["| what | measured | floor | of the floor | aim |", "|---|--:|---|--:|---|"]
    return head + [_row(row) for row in rows]


def _row(row: Mapping[str, Any]) -> str:
    floor, share = "", ""
    if row["floor"] is not None:
        floor = f"{number(row['floor'])}: {row['floor_name']}"
        rates = row["unit"].endswith("/s")
        share = f"{row['value'] / row['floor']:.0%}" if rates else f"{number(row['value'] / row['floor'])} times"
    aim = f"{row['aim']}: **{'met' if row['met'] else 'missed'}**" if row["aim"] else ""
    return f"| {row['name']} | {number(row['value'])} {row['unit']} | {floor} | {share} | {aim} |"


def number(value: float) -> str:
    """Three digits that mean something, no more."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
