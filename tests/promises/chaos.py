"""`make chaos`, or `python -m tests.promises.chaos [p02 …]`: every promise at ten times its CI size, those that draw
faults with five seeds. PROMISE_SEED gives one seed, PROMISE_SCALE another size. Not collected by pytest."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "var" / "promises" / "report.md"
HISTORIES = Path(os.environ.get("PARLEY_VAR", ROOT / "var" / "test")) / "promises"
SEEDS = 5
LONGEST = 3600
"""Seconds for one file and one seed."""


class Outcome(NamedTuple):
    """One promise at one seed (0: it draws none)."""

    promise: str
    seed: int
    passed: bool
    seconds: float
    figures: list[str]
    said: str


def wanted() -> list[Path]:
    """The test files, all or those named in the arguments."""
    paths = [*sorted(Path(__file__).parent.glob("test_[ps][0-9][0-9]_*.py")), ROOT / "tests/flow/test_nothing_lost.py"]
    return [path for path in paths if not sys.argv[1:] or any(name in path.stem for name in sys.argv[1:])]


def runs() -> Iterator[tuple[Path, int]]:
    """Each file, once, or once for each seed."""
    given = os.environ.get("PROMISE_SEED")
    seeds = [int(given)] if given else random.SystemRandom().sample(range(1, 1_000_000), SEEDS)
    for path in wanted():
        draws = re.search(r"\bnemesis\b", path.read_text())
        yield from ((path, seed) for seed in (seeds if draws else [0]))


def figures(since: float) -> list[str]:
    """What the tests have measured since then, from their histories."""
    found = []
    for path in sorted(HISTORIES.glob("*.jsonl")):
        if path.stat().st_mtime >= since:
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found += [_worded(line) for line in lines if "figures" in (line["kind"], line["key"])]
    return found


def _worded(line: dict[str, Any]) -> str:
    numbers = {name: value for name, value in line.items() if name not in ("at", "kind", "key")}
    shown = (f"{name} {round(value, 3) if isinstance(value, float) else value}" for name, value in numbers.items())
    return f"{line['key']}: {', '.join(shown)}"


def run(path: Path, seed: int) -> Outcome:
    """One file in a process of its own."""
    environment = {"PROMISE_SCALE": "10", **os.environ, "PROMISE_SEED": str(seed or 1)}
    command = [sys.executable, "-m", "pytest", str(path), "-n0", "--tb=short", "-o", f"timeout={LONGEST}"]
    started, clock = time.time(), time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        passed, said = done.returncode == 0, done.stdout[-6000:]
    except subprocess.TimeoutExpired:
        passed, said = False, f"no end within {LONGEST} s"
    seconds = time.monotonic() - clock
    return Outcome(path.stem.removeprefix("test_"), seed, passed, seconds, figures(started), "" if passed else said)


def rows(outcome: Outcome) -> str:
    """A row of the report's table."""
    verdict = "passed" if outcome.passed else "**FAILED**"
    cells = (outcome.promise, outcome.seed or "", verdict, f"{outcome.seconds:.0f}", "<br>".join(outcome.figures))
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def main() -> int:
    """Run, print and write the report; 0 when everything passed."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    head = "| promise | seed | verdict | seconds | figures |\n|---|---|---|---|---|"
    REPORT.write_text(f"# Promises at {os.environ.get('PROMISE_SCALE', '10')} times their CI size\n\n{head}\n")
    failed: list[Outcome] = []
    print(head, flush=True)
    for path, seed in runs():
        outcome = run(path, seed)
        print(rows(outcome), flush=True)
        with REPORT.open("a") as report:
            report.write(f"{rows(outcome)}\n")
        failed += [outcome] if not outcome.passed else []
    with REPORT.open("a") as report:
        for outcome in failed:
            again = f"PROMISE_SEED={outcome.seed} make chaos ARGS={outcome.promise}"
            report.write(f"\n## {outcome.promise}: {again}\n\n```\n{outcome.said}\n```\n")
            print(f"{outcome.promise} failed; again: {again}\n{outcome.said}", flush=True)
    print(f"{len(failed)} failed; {REPORT.relative_to(ROOT)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
