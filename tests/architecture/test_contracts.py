"""The import contracts hold, and each of them would be noticed if it were broken."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]
FORBIDDEN = {
    "the bus knows nobody": ("bus/topics.py", "import sessions_app.values"),
    "layers of the bus": ("bus/topics.py", "import bus.registry"),
    "messages are plain": ("sessions_app/values.py", "import django"),
    "deciders do not wait": ("sessions_app/handlers/messages.py", "import bus.live.hub"),
    "layers of the domain": ("sessions_app/queries.py", "import sessions_app.represent"),
    "plugins use the front door": ("sessions_app/plugins/__init__.py", "import bus.log.store"),
}
"""For each contract an import that breaks it."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_tree_keeps_its_contracts() -> None:
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_contract_is_tried() -> None:
    assert set(FORBIDDEN) == set(CONTRACTS)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages without their tests and data."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in ("bus", "config", "sessions_app"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(copy: Path, name: str) -> None:
    path, line = FORBIDDEN[name]
    changed = copy / path
    before = changed.read_text()
    try:
        changed.write_text(f"{before}\n\n{line}\n")
        found = lint(copy)
    finally:
        changed.write_text(before)
    assert found.returncode != 0
    assert f"{name} BROKEN" in found.stdout, found.stdout + found.stderr
