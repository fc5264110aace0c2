"""One stack for the quick flow tests; tests that break processes make their own."""

import os
from collections.abc import Iterator

import pytest

from tests.flow.stack import Stack

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="package")
def stack(django_db_setup: None) -> Iterator[Stack]:
    """Two webs and a worker."""
    made = Stack(f"shared_{WORKER}", webs=2, workers=1, settings={"BUS_REAUTHENTICATE": "1"})
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def _browsers_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "stack" in request.fixturenames:
        request.getfixturevalue("stack").close_browsers()
