"""A pytest plugin: which tests go to one process together, and what is begun first.

Starting a Parley takes longer than most tests: the files of a folder that share one go to the same process. The
promises are too long for one: each process has a cluster. What is long comes first, so that at the end both processes
are busy with what is short."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).resolve().parent.parent
SHARING = ("tests/flow", "tests/e2e", "tests/stack")
FIRST = ("tests/promises", *SHARING)
"""The longest first."""


def group_of(name: str) -> str:
    """Of a test's or file's name from the root: the folder or the file that stays in one process."""
    return next((folder for folder in SHARING if name.startswith(f"{folder}/")), name.split("::", maxsplit=1)[0])


class Together(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out groups in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """What `--dist` would name."""
    return Together(config, log)


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What has servers, folder by folder; then files by the number of their tests."""
    sizes = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[int, int]:
        folder = "/".join(item.path.relative_to(ROOT).parts[:2])
        return FIRST.index(folder) if folder in FIRST else len(FIRST), -sizes[item.path]

    items.sort(key=place)
