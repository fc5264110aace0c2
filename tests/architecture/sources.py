"""The files that are ours, read once; used by the tests of the house rules."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bus", "config", "sessions_app")
FOLDERS = (*PACKAGES, "clients", "tests", "benchmarks", "static/parley", "templates", "docs", "deploy")
KINDS = {".py", ".js", ".css", ".html", ".md", ".sh"}


def ours() -> list[Path]:
    """Every file written by hand; migrations, vendored assets and generated pages are not."""
    found = list(ROOT.glob("*.py"))
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in KINDS and path.is_file()]
    skipped = {"migrations", "__pycache__", "vendor", "node_modules"}
    return sorted(path for path in found if not skipped & set(path.relative_to(ROOT).parts))


def modules() -> list[Path]:
    """The Python files of the product."""
    return [path for path in ours() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES]


def name(path: Path) -> str:
    """The path as one says it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The parsed module."""
    return ast.parse(path.read_text())


def containing(text: str) -> set[str]:
    """The product's modules in whose text this occurs."""
    return {name(path) for path in modules() if text in path.read_text()}
