"""Every shape an event ever had can still be read: one golden file per type and schema, written once, never edited.

A new event or schema fails here; `.venv/bin/python -m tests.architecture.golden` writes the missing files only."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bus.log import codec
from bus.messages import Event
from bus.registry import default, upcast

FOLDER = Path(__file__).resolve().parents[1] / "golden"
FILES = sorted(FOLDER.glob("*.json"))
OURS = sorted(
    (kind for kind in default.events.values() if kind.__module__.startswith(("bus.", "sessions_app."))),
    key=lambda kind: kind.type,
)


def read(path: Path) -> tuple[type[Event], int, dict[str, Any]]:
    """The event class, the schema, and the data of a golden file."""
    kind, schema = path.stem.rsplit(".v", 1)
    return default.events[kind], int(schema), json.loads(path.read_text())


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.type)
def test_every_schema_of_every_event_has_a_golden_file(kind: type[Event]) -> None:
    wanted = {f"{kind.type}.v{schema}" for schema in range(1, kind.schema + 1)}
    found = {path.stem for path in FILES if path.stem.rsplit(".v", 1)[0] == kind.type}
    assert found == wanted, "write the missing file: python -m tests.architecture.golden"


def test_no_golden_file_is_of_an_event_that_is_gone() -> None:
    assert {path.stem.rsplit(".v", 1)[0] for path in FILES} <= {kind.type for kind in OURS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_file_decodes_into_its_event(path: Path) -> None:
    kind, schema, data = read(path)
    event = msgspec.convert(upcast(kind, schema, data), kind)
    assert isinstance(event, kind)
    if schema == kind.schema:
        assert json.loads(codec.encode_data(event)) == data


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_file_shows_every_field(path: Path) -> None:
    """A field that the file leaves out could be renamed without anybody noticing."""
    kind, schema, data = read(path)
    if schema == kind.schema:
        assert set(data) == set(kind.__struct_encode_fields__) - {"session_id"}
