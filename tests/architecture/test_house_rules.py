"""What the house style and the reliability rules ask of every file, so that nobody has to remember it."""

import ast
import inspect
import re

import pytest

from bus.messages import Command
from bus.registry import default
from config import env
from tests.architecture.sources import ROOT, containing, modules, name, ours, tree

LIMIT = 300
ROWS = {
    *("Session", "Conversation", "Message", "Run", "UsageEntry", "Artifact"),
    *("ApiToken", "ServiceAccount", "SessionShare", "Title", "DailyUse", "Removed", "PastUsage"),
}
WRITERS = {name(path) for path in modules() if path.name.endswith("projections.py")}
WRITES = {
    *("create", "acreate", "update", "aupdate", "delete", "adelete", "save", "asave", "bulk_create", "bulk_update"),
    *("get_or_create", "update_or_create", "_raw_delete"),
}
AUDIT = {"sessions_app/accounts/audit.py"}
EXCEPT = {"pre_save": AUDIT, "post_save": AUDIT}
"""Users are Django's: no command of ours changes them, only their own signals tell that somebody has."""


def test_no_file_is_longer_than_the_limit() -> None:
    lines = {name(path): len(path.read_text().splitlines()) for path in ours()}
    assert {path: count for path, count in lines.items() if count > LIMIT} == {}


def test_every_module_says_what_it_is() -> None:
    assert [name(path) for path in modules() if path.stat().st_size and ast.get_docstring(tree(path)) is None] == []


def test_groups_are_sent_to_from_one_place() -> None:
    assert containing("group_send") == {"bus/live/broadcast.py"}


def test_the_log_is_written_in_one_place() -> None:
    pattern = re.compile(r"(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+bus_storedevent", re.IGNORECASE)
    assert {name(path) for path in modules() if pattern.search(path.read_text())} == {"bus/log/store.py"}
    writers = re.compile(r"StoredEvent(\.objects)?\.[\w.()]*\b(" + "|".join(WRITES) + r")\(")
    assert [name(path) for path in modules() if writers.search(path.read_text())] == []


@pytest.mark.parametrize("word", ["database_sync_to_async", "post_save", "pre_save", "post_delete", "m2m_changed"])
def test_what_stalls_or_hides_is_not_used(word: str) -> None:
    assert {path for path in containing(word) if not _only_said(path, word)} == EXCEPT.get(word, set())


def _only_said(path: str, word: str) -> bool:
    """Whether the word stands in docstrings and comments only."""
    nodes = ast.walk(tree(ROOT / path))
    names = {getattr(node, "id", "") or getattr(node, "attr", "") or getattr(node, "name", "") for node in nodes}
    return word not in names


def test_connections_are_not_kept_beside_the_pool() -> None:
    from django.conf import settings

    assert all(database["CONN_MAX_AGE"] == 0 for database in settings.DATABASES.values())
    assert all(re.search(r"CONN_MAX_AGE\W+0\b", (ROOT / path).read_text()) for path in containing('"CONN_MAX_AGE"'))


def _writes(call: ast.Call) -> bool:
    """Whether the call writes one of the projected rows, as far as its text tells."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in WRITES:
        return False
    receiver = ast.unparse(call.func.value)
    if call.func.attr in ("save", "asave", "delete", "adelete") and "." not in receiver:
        return receiver.lower() in {row.lower() for row in ROWS}
    return re.match(rf"({'|'.join(ROWS)})\.(_base_manager|_default_manager|objects)\b", receiver) is not None or (
        re.search(r"\.(messages|conversations|runs|artifacts|llm_sessions|usage_entries)\b", receiver) is not None
    )


def test_the_projected_rows_are_written_by_projections_only() -> None:
    found = {
        name(path): ast.unparse(node)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and _writes(node)
    }
    assert found, "the search finds nothing at all: it is broken"
    assert set(found) <= WRITERS, found


def test_the_tables_of_the_projected_rows_are_written_in_no_other_sql() -> None:
    tables = "|".join(f"sessions_app_{row.lower()}" for row in ROWS)
    pattern = re.compile(rf"(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+({tables})\b", re.IGNORECASE)
    writers = {f"sessions_app/{name}.py" for name in ("projections", "insight_projections")}
    assert {name(path) for path in modules() if pattern.search(path.read_text())} == writers


def _defined() -> list[type[Command]]:
    def below(kind: type[Command]) -> set[type[Command]]:
        return set(kind.__subclasses__()).union(*(below(child) for child in kind.__subclasses__()))

    kept = ("bus.log.", "sessions_app.")
    return sorted((kind for kind in below(Command) if kind.__module__.startswith(kept)), key=lambda kind: kind.type)


@pytest.mark.parametrize("kind", _defined(), ids=lambda kind: kind.type)
def test_every_command_says_what_it_does_and_has_a_handler_that_does_it(kind: type[Command]) -> None:
    assert kind.__doc__ != Command.__doc__
    assert inspect.getdoc(kind)
    assert default.commands[kind.type] is kind
    assert inspect.getdoc(default.handlers[kind])


def test_every_variable_is_documented() -> None:
    pages = [ROOT / "docs" / page for page in ("operations.md", "environment.md")]
    tables = "\n".join(page.read_text() for page in pages if page.exists())
    documented = set(re.findall(r"^\| *`?([A-Z][A-Z0-9_]+)`? *\|", tables, re.MULTILINE))
    assert {variable.name for variable in env.VARIABLES} == documented, "run `make docs`"
