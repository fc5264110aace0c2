"""`python -m tests.promises.mutants [name]`: each promise with its mechanism switched off must turn red.

By a setting, or by `tests.harness.sabotage`, loaded as a plugin. Not collected by pytest."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    """A test, and the environment in which it must fail."""

    test: str
    environment: dict[str, str]


def sabotaged(test: str, kind: str) -> Mutant:
    """A mutant made by `tests.harness.sabotage`."""
    return Mutant(test, {"PLUGINS": "tests.harness.sabotage", "SABOTAGE": kind})


P1, P2, P3, P5 = "p01_stored", "p02_one_end", "p03_one_executor", "p05_in_order"
P7, P8, P10, P11 = "p07_redis", "p08_postgres", "p10_one_effect", "p11_expected_version"

MUTANTS = {
    "P1 without idempotency": sabotaged(P1, "no_claim"),
    "P2 without the sweeper": Mutant(P2, {"BUS_SWEEP_INTERVAL": "600"}),
    "P3 without the fence": sabotaged(P3, "no_fence"),
    "P5 without the poll of the heads": Mutant(P5, {"BUS_POLL_INTERVAL": "600"}),
    "P7 without the sweeper": Mutant(P7, {"BUS_SWEEP_INTERVAL": "600"}),
    "P8 without 503": sabotaged(P8, "no_outage"),
    "P10 without idempotency": sabotaged(P10, "no_claim"),
    "P11 without the comparison": sabotaged(P11, "no_expected"),
}


def reddens(mutant: Mutant) -> tuple[bool, str]:
    """Whether the test fails by an assertion or a deadline (another error proves nothing), and what pytest said."""
    command = [sys.executable, "-m", "pytest", f"tests/promises/test_{mutant.test}.py", "-n0", "-x", "--tb=line"]
    environment = {**os.environ, **mutant.environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False)
    lines = done.stdout.splitlines()
    said = [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines[-3:]
    reasons = [line[:200] for line in lines if re.search(r"\.py:\d+: (AssertionError|TimeoutError|assert )", line)]
    red = done.returncode == 1 and any(line.startswith("FAILED") for line in said) and bool(reasons)
    return red, "\n    ".join([*said, *reasons])


def main() -> int:
    """Run them all, or the named ones; 0 when every one is red."""
    green = 0
    for name, mutant in MUTANTS.items():
        if sys.argv[1:] and not any(name.startswith(wanted) for wanted in sys.argv[1:]):
            continue
        red, said = reddens(mutant)
        green += not red
        print(f"{'red, as it must be' if red else 'GREEN: NOTHING IS PROVED'}  {name}\n    {said}", flush=True)
    return 1 if green else 0


if __name__ == "__main__":
    sys.exit(main())
