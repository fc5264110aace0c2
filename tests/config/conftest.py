"""Homes for embedded servers that leave nothing behind; used by test_embedded*.py."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.embedded_homes import (
    Move,
    Neighbour,
    finish,
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder all accounts can reach; root's `tmp_path` is closed to the account of the servers."""
    with tempfile.TemporaryDirectory(prefix="parley-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def home(place: Path) -> Iterator[Path]:
    """A home that does not exist yet; whatever was started in it is stopped."""
    yield place / "home"
    finish(place / "home")


@pytest.fixture
def move_in(home: Path) -> Iterator[Move]:
    neighbours: list[Neighbour] = []

    def enter() -> Neighbour:
        neighbours.append(Neighbour(home))
        return neighbours[-1]

    yield enter
    for neighbour in neighbours:
        neighbour.dies()
