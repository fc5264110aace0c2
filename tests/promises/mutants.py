"""`python -m tests.promises.mutants [name]`: each promise with its mechanism switched off must turn red.

By a setting, or by a plugin of `tests.harness`: `sabotage`, `run_sabotage`, `doors`. Not collected by pytest."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    """A test (`p01_stored`, or the path of any), and the environment in which it must fail."""

    test: str
    environment: dict[str, str]


def sabotaged(test: str, kind: str) -> Mutant:
    """A mutant made by `tests.harness.sabotage`."""
    return Mutant(test, {"PLUGINS": "tests.harness.sabotage", "SABOTAGE": kind})


def opened(test: str, kind: str) -> Mutant:
    """A mutant made by `tests.harness.doors`."""
    return Mutant(test, {"PLUGINS": "tests.harness.doors", "SABOTAGE": kind})


def derailed(test: str, kind: str) -> Mutant:
    """A mutant made by `tests.harness.run_sabotage`."""
    return Mutant(test, {"PLUGINS": "tests.harness.run_sabotage", "SABOTAGE": kind})


P1, P2, P3, P5 = "p01_stored", "p02_one_end", "p03_one_executor", "p05_in_order"
P4, P5_CLIENT, P6, P15, P21 = "p04_gapless", "p05_client", "p06_fast", "p15_planned_restart", "p21_clocks"
P7, P8, P10, P11 = "p07_redis", "p08_postgres", "p10_one_effect", "p11_expected_version"
P13, P14, P16 = "p13_slow_reader", "p14_reconnect_storm", "p16_overload"
P20, P22, P23 = "p20_never_incomplete", "p22_bounded", "p23_upgrade"
P3_RUNS, P9, P12, P18 = "p03_runs", "p09_worker_death", "p12_cancel", "p18_poison"
P17 = "p17_graphs"
P19, P19_RELOAD = "p19_text", "p19_reload"
RUNS_ONCE, RUNS_REDIS, RUNS_BACK = "runs_once", "runs_redis", "runs_handed_back"
S2 = "s02_withdrawn"
S3, S4, S6, S13 = "s03_origin", "s04_canaries", "s06_limits", "s13_fields"
S11, S14, S15 = "s11_quotas", "s14_back_door", "s15_imports"
S7, KEYS = "tests/sessions_app/providers/test_egress.py", "tests/sessions_app/providers/test_keys.py"
WORDS = "tests/sessions_app/providers/test_contract.py"

MUTANTS = {
    "P1 without idempotency": sabotaged(P1, "no_claim"),
    "P2 without the sweeper": Mutant(P2, {"BUS_SWEEP_INTERVAL": "600"}),
    "P3 without the fence": sabotaged(P3, "no_fence"),
    "P3 without the fence, for runs": derailed(P3_RUNS, "no_fence"),
    "P3 without telling an answer that it is lost": derailed(P3_RUNS, "no_goodbye"),
    "P4 without the lock": sabotaged(P4, "no_lock"),
    "P5 without the backlog": sabotaged(P5, "no_backlog"),
    "P5 without the backlog, for a client": sabotaged(P5_CLIENT, "no_backlog"),
    "P6 without the frames": sabotaged(P6, "no_frames"),
    "P6 without the poll of the heads": Mutant(P6, {"BUS_POLL_INTERVAL": "600"}),
    "P7 without the sweeper": Mutant(P7, {"BUS_SWEEP_INTERVAL": "600"}),
    "P8 without 503": sabotaged(P8, "no_outage"),
    "P8 without patience for the end of an answer": sabotaged(P8, "no_patience"),
    "P9 without the chunks": Mutant(P9, {"CHUNK_INTERVAL": "600"}),
    "P9 without the sweeper": Mutant(P9, {"BUS_SWEEP_INTERVAL": "600"}),
    "P10 without idempotency": sabotaged(P10, "no_claim"),
    "P11 without the comparison": sabotaged(P11, "no_expected"),
    "P12 without the look for cancels": Mutant(P12, {"RUN_CANCEL_POLL": "600"}),
    "P13 without the bound": Mutant(P13, {"BUS_SOCKET_BYTES": "1073741824", "BUS_SOCKET_ITEMS": "100000"}),
    "P14 without the backlog": sabotaged(P14, "no_backlog"),
    "P14 without the pool": sabotaged(P14, "no_pool"),
    "P15 without the goodbye": sabotaged(P15, "no_drain"),
    "P16 without the cap": Mutant(P16, {"MAX_CONCURRENT_REQUESTS": "100000"}),
    "P17 without going on": derailed(P17, "no_going_on"),
    "P17 without the joins": derailed(P17, "no_joins"),
    "P17 without the slots": derailed(P17, "no_slots"),
    "P17 without repetition": derailed(P17, "no_repetition"),
    "P17 without a look at what has succeeded": derailed(P17, "no_memory"),
    "P17 without the sweeper": Mutant(P17, {"BUS_SWEEP_INTERVAL": "600"}),
    "P18 without an end of tries": derailed(P18, "no_end_of_tries"),
    "P19 without the rest of a piece": derailed(P19, "no_rest"),
    "P19 without the text so far": derailed(P19_RELOAD, "no_greeting"),
    "P20 without the look at the log": sabotaged(P20, "no_reset"),
    "P21 with leases by the host's clock": sabotaged(P21, "host_clock"),
    "P22 with handles that are kept": sabotaged(P22, "kept_handles"),
    "P23 without a look at the command": sabotaged(P23, "every_command"),
    "P23 without a look at the kind of work": sabotaged(P23, "every_kind"),
    "P23 without growing events": sabotaged(P23, "no_growth"),
    "P23 with words in tasks": sabotaged(P23, "talkative_hints"),
    "runs without idempotency": sabotaged(RUNS_ONCE, "no_claim"),
    "runs without Redis and without the chunks": Mutant(RUNS_REDIS, {"CHUNK_INTERVAL": "600"}),
    "runs without handing back": derailed(RUNS_BACK, "no_handover"),
    "S1 without the guard": opened("tests/api/test_isolation.py", "no_guard"),
    "S1 without the owner": opened("tests/api/test_isolation.py", "no_owner"),
    "S2 without the push": sabotaged(S2, "no_withdrawal"),
    "S2 without another look": sabotaged(S2, "no_second_look"),
    "S3 without the Origin check": opened(S3, "no_origin"),
    "S4 without redaction": opened(S4, "no_redaction"),
    "S5 without the hardened parser": opened("tests/api/test_bad_input.py", "no_parser"),
    "S5 without the hardened parser, at random": opened("tests/api/test_fuzz_commands.py", "no_parser"),
    "S6 without the limit": opened(S6, "no_limit"),
    "S6 without the time limit": Mutant(S6, {"BODY_TIMEOUT": "600"}),
    "S10 without the sanitizer": opened("tests/e2e/test_payloads.py", "no_sanitizer"),
    "S12 without refusals": opened("tests/config/test_settings.py", "no_refusal"),
    "S13 with fields nobody asked for": opened(S13, "no_strictness"),
    "S14 without a word of what operators change": opened(S14, "no_notes"),
    "S15 without a look at archives": opened(S15, "no_customs"),
    "S15 without a look at what a log means": opened(S15, "no_walk"),
    "S16 without the list of tools": sabotaged("s16_authority", "no_allow_list"),
    "S7 without the rules": sabotaged(S7, "no_addresses"),
    "S7 without the resolver": sabotaged(S7, "no_resolver"),
    "S8 without redaction": sabotaged(WORDS, "no_redaction"),
    "S8 without encryption": sabotaged(KEYS, "no_encryption"),
    "S9 without the seal": sabotaged(KEYS, "no_seal"),
    "S9 without one place for a client": sabotaged(S7, "no_origin"),
    "S11 without the lock": sabotaged(S11, "no_quota_lock"),
}


def reddens(mutant: Mutant) -> tuple[bool, str]:
    """Whether the test fails by an assertion or a deadline (another error proves nothing), and what pytest said."""
    path = mutant.test if "/" in mutant.test else f"tests/promises/test_{mutant.test}.py"
    command = [sys.executable, "-m", "pytest", path, "-n0", "-x", "--tb=line"]
    environment = {**os.environ, **mutant.environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False)
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
