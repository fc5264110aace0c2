"""f: how long a process takes to start and how much memory it holds idle; with `full`, a fresh installation."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import ROUNDS, Figure, interleaved
from benchmarks.peer import ROOT
from benchmarks.stack import Bench, Server
from config import settings as ours

START, MEMORY = 3.0, 120.0
"""The aims: seconds until the web is ready, MiB of each process."""
FLOOR = "a bare application on uvicorn"


def measure(bench: Bench, full: bool) -> list[Figure]:
    """Each process is started anew in each round."""
    memory: dict[str, list[float]] = {"web": [], "api": [], "worker": [], "floor": []}
    made: dict[str, Callable[[], Server]] = {
        "web": bench.web,
        "api": bench.api,
        "floor": lambda: bench.floor("benchmarks.floor_sockets:application"),
    }

    def start(name: str) -> float:
        started = time.perf_counter()
        with made[name]() as server:
            server.ready()
            took = time.perf_counter() - started
            memory[name].append(max(server.memory()))
        return took

    times: dict[str, Callable[[], float]] = {name: lambda each=name: start(each) for name in made}  # type: ignore[misc]
    times["worker"] = lambda: _worker(bench, memory["worker"])
    starts = {name: statistics.median(found) for name, found in interleaved(times, ROUNDS).items()}
    names = {"web": "`manage.py serve`", "api": "WSGI (granian)", "worker": "`manage.py worker`"}
    found = [_start(label, starts[name], starts["floor"], aimed=name == "web") for name, label in names.items()]
    held = {name: statistics.median(values) for name, values in memory.items()}
    found += [_memory(label, held[name], held["floor"]) for name, label in names.items()]
    return found + (_installation() if full else [])


def _worker(bench: Bench, memory: list[float]) -> float:
    started = time.perf_counter()
    with bench.worker() as worker:
        worker.ready()
        took = time.perf_counter() - started
        memory.append(max(worker.memory()))
    return took


def _start(name: str, value: float, floor: float, *, aimed: bool) -> Figure:
    return Figure(
        benchmark="f",
        name=f"start of {name} until ready",
        value=value,
        unit="s",
        floor=floor,
        floor_name=FLOOR,
        aim=f"≤ {START:.0f} s" if aimed else "",
        met=value <= START if aimed else None,
    )


def _memory(name: str, value: float, floor: float) -> Figure:
    return Figure(
        benchmark="f",
        name=f"idle memory of {name}, the largest process",
        value=value,
        unit="MiB",
        floor=floor,
        floor_name=FLOOR,
        aim=f"≤ {MEMORY:.0f} MiB",
        met=value <= MEMORY,
    )


def _installation() -> list[Figure]:
    """A new virtual environment with what production needs; once, since a network is measured with it."""
    with tempfile.TemporaryDirectory(dir=ours.VAR) as folder:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(Path(folder, "bin", "pip")), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(ROOT / "requirements.txt")], check=True)
        took = time.perf_counter() - started
        size = sum(path.lstat().st_size for path in Path(folder).rglob("*")) / 2**20
    return [
        Figure(benchmark="f", name="a fresh installation, network included", value=took, unit="s"),
        Figure(benchmark="f", name="a fresh installation", value=size, unit="MiB on disk"),
    ]
