"""A pytest plugin: which tests go to one process together, and what is begun first.

Starting a Parley takes longer than most tests: the files of a folder that share one go to the same process. They come
first, with what is long after them: at the end both processes are busy with what is short."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).resolve().parent.parent
SHARING = ("tests/promises", "tests/flow", "tests/e2e", "tests/stack")
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
    """Groups with servers, then files by the number of their tests."""
    groups = {item.path: group_of(item.path.relative_to(ROOT).as_posix()) for item in items}
    sizes = Counter(groups[item.path] for item in items)
    ranks = {folder: number for number, folder in enumerate(SHARING)}
    items.sort(key=lambda item: (ranks.get(groups[item.path], len(SHARING)), -sizes[groups[item.path]]))
