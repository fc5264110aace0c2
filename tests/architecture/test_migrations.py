"""An upgrade goes process by process (promise P23): the version before must be able to work on the migrated tables."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.db import migrations
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED, Field, GeneratedField

from tests.architecture.sources import ROOT

FIRST = {"bus": 2, "sessions_app": 10}
"""The last migrations from before there was anything to upgrade."""
HARMLESS = (
    migrations.CreateModel,
    migrations.AddIndex,
    migrations.RemoveIndex,
    migrations.RemoveConstraint,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
)
TAKES_AWAY = re.compile(r"\b(DROP|RENAME|TRUNCATE|DELETE|ALTER COLUMN|SET NOT NULL)\b", re.IGNORECASE)


def later() -> list[Path]:
    files = [path for app in FIRST for path in (ROOT / app / "migrations").glob("[0-9]*.py")]
    return sorted(path for path in files if int(path.name[:4]) > FIRST[path.parts[-3]])


def insertable(field: "Field[object, object]") -> bool:
    """Whether a row can be added by who does not know the column."""
    return field.null or field.db_default is not NOT_PROVIDED or isinstance(field, GeneratedField)


def breaks(operation: Operation) -> bool:
    """Whether the version before could no longer read or write."""
    if isinstance(operation, migrations.AddField):
        return not insertable(operation.field)
    if isinstance(operation, migrations.RunSQL):
        return TAKES_AWAY.search(str(operation.sql)) is not None
    return not isinstance(operation, HARMLESS)


@pytest.mark.parametrize("path", later(), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_migrations_only_add(path: Path) -> None:
    module = import_module(f"{path.parts[-3]}.migrations.{path.stem}")
    found = [operation.describe() for operation in module.Migration.operations if breaks(operation)]
    assert not found, "add now and remove in a later release; new columns are null or have a db_default"


def test_it_is_told_when_a_migration_breaks_the_version_before() -> None:
    from django.db.models import CharField, Value

    assert breaks(migrations.RemoveField("session", "title"))
    assert breaks(migrations.AddField("session", "mood", CharField(default="glad")))
    assert breaks(migrations.RenameField("session", "title", "name"))
    assert breaks(migrations.AlterField("session", "title", CharField(max_length=2)))
    assert breaks(migrations.RunSQL("ALTER TABLE sessions_app_session DROP COLUMN title"))
    assert not breaks(migrations.RunSQL("ALTER TABLE sessions_app_session ADD COLUMN mood text"))
    assert not breaks(migrations.AddField("session", "mood", CharField(db_default=Value("glad"))))
    assert not breaks(migrations.AddField("session", "mood", CharField(null=True)))
