"""A pytest plugin, loaded before Django: the tests' own PostgreSQL and Redis, shared by all test processes of a run."""

import fcntl
import os
import sys
from pathlib import Path
from typing import TextIO

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("PARLEY_VAR", str(ROOT / "var" / "test"))
# one set of keys and queues per test process: workers of one must not take the hints of another
os.environ.setdefault("REDIS_PREFIX", f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
os.environ.setdefault("PUBLIC_URL", "http://testserver")
# or each of the many processes that tests start would compile every module anew
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

UNSAFE = {"fsync": "off"}
"""Nobody minds if the machine fails and this data is lost; waiting for the disk is most of a commit's time."""

_run: list[TextIO] = []


def _only_one_run() -> None:
    """Two runs on the same data would drop each other's databases: the second waits."""
    if "PYTEST_XDIST_WORKER" in os.environ or _run:
        return
    folder = Path(os.environ["PARLEY_VAR"])
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another test run on {folder} (PARLEY_VAR=… gives this one its own data)", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    _run.append(lock)


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Start the servers, or join those another process of this run has started."""
    from config import settings
    from config.embedded.postgres import SETTINGS

    _only_one_run()
    as_served = dict(SETTINGS)
    SETTINGS.update(UNSAFE)
    settings.EMBEDDED.start()
    SETTINGS.update(as_served)  # those that tests start for themselves are as the product's


def pytest_unconfigure() -> None:
    """Leave them; the last process stops them."""
    from config import settings

    settings.EMBEDDED.stop()
