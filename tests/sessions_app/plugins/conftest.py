"""Switches are remembered by the process, the rows go with each test."""

from collections.abc import Iterator

import pytest

from sessions_app.switches import switches


@pytest.fixture(autouse=True)
def _switches_forgotten() -> Iterator[None]:
    switches.forget()
    yield
    switches.forget()
