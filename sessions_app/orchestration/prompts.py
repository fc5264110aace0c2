"""Named prompts: versions in rows, and version 0 from the files in PROMPTS_FOLDER. Called by the API, the admin and by
whoever asks a model with a prompt."""

import re
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction

from bus.exceptions import Invalid, NotFound
from sessions_app.models import Prompt
from sessions_app.orchestration import grammar, templates
from sessions_app.orchestration.grammar import LONGEST_NAME
from sessions_app.orchestration.tables import NAME
from sessions_app.orchestration.templates import Used

MOST_LISTED = 1_000
PARTS = ("system", "user")


class PromptText(msgspec.Struct, frozen=True, kw_only=True):
    """The two templates of a prompt. Without a name: one that stands by itself."""

    name: str = ""
    version: int = 0
    system: str = ""
    user: str
    description: str = ""
    created_at: datetime | None = None


def fit(name: str) -> bool:
    """Whether a prompt can have that name."""
    return len(name) <= LONGEST_NAME and re.fullmatch(NAME, name) is not None


def find(name: str, version: int | None = None) -> PromptText:
    """A named prompt: its newest version, or that one; 0 is the file's. Raises NotFound."""
    found = _row(name, version) if fit(name) and (version is None or 0 < version < 2**31) else None
    if found is None and not version:
        found = _file(name)
    if found is None:
        which = "" if version is None else f" in version {version}"
        raise NotFound(f"There is no prompt {name[:LONGEST_NAME]!r}{which}.")
    return found


def catalogue() -> list[PromptText]:
    """The newest version of each prompt, by name."""
    rows = Prompt.objects.order_by("name", "-version").distinct("name")[:MOST_LISTED]
    named = {name: text for name in _files() if (text := _file(name)) is not None}
    named |= {row.name: _text(row) for row in rows}
    return [named[name] for name in sorted(named)]


def versions(name: str) -> list[int]:
    """The versions there are of a prompt, newest first."""
    rows = Prompt.objects.filter(name=name).order_by("-version").values_list("version", flat=True)
    return [*rows[:MOST_LISTED], *([0] if _file(name) else [])]


def variables(prompt: PromptText) -> frozenset[str]:
    """The names of the variables it uses, its included prompts' too. Raises Invalid, which makes it a check."""
    return frozenset(path[0] for path in paths(prompt))


def paths(prompt: PromptText) -> frozenset[grammar.Path]:
    """The variables with what is taken of them (see `templates.paths_in`). Raises Invalid, with the part's name."""
    return used(prompt).paths


def used(prompt: PromptText) -> Used:
    """The same, and the names of the variables it can do without. Each part is looked at once, each included prompt
    read once. Raises Invalid."""
    found, read = [], cache(_read)
    for part in PARTS:
        try:
            found.append(templates.used_in(getattr(prompt, part), read=read, name=prompt.name))
        except Invalid as refused:
            raise Invalid(f"{part}: {refused.detail}") from None
    return Used(*(frozenset().union(*names) for names in zip(*found, strict=True)))


def resolve(prompt: str | PromptText, values: dict[str, Any], version: int | None = None) -> tuple[str, str]:
    """The system and the user text that come of a prompt, named or by itself, and JSON values.

    Raises NotFound, Invalid, TemplateFailed."""
    text = find(prompt, version) if isinstance(prompt, str) else prompt
    rendered = partial(templates.render, variables=values, read=cache(_read), name=text.name)
    return rendered(text.system), rendered(text.user)


def save(prompt: PromptText, by: int | None = None) -> Prompt:
    """The next version of a prompt. `by` is a user's id. Raises Invalid."""
    if not fit(prompt.name):
        raise Invalid("A prompt's name has small letters, digits, - and _, and begins with a letter or digit.")
    variables(prompt)
    with transaction.atomic():
        with connection.cursor() as cursor:  # two at once would both find the same version to be the last
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"prompt {prompt.name}"])
        last = Prompt.objects.filter(name=prompt.name).order_by("-version").first()
        return Prompt.objects.create(
            name=prompt.name,
            version=last.version + 1 if last else 1,
            system=prompt.system,
            user=prompt.user,
            description=prompt.description,
            created_by_id=by,
        )


def _read(name: str) -> str:
    """What an include stands for: the user part of the newest version."""
    return find(name).user


def _row(name: str, version: int | None) -> PromptText | None:
    rows = Prompt.objects.filter(name=name)
    row = (rows if version is None else rows.filter(version=version)).order_by("-version").first()
    return _text(row) if row else None


def _text(row: Prompt) -> PromptText:
    return PromptText(
        name=row.name,
        version=row.version,
        system=row.system,
        user=row.user,
        description=row.description,
        created_at=row.created_at,
    )


def _files() -> list[str]:
    folder: Path = settings.PROMPTS_FOLDER
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def _file(name: str) -> PromptText | None:
    """A folder of text files: `user.txt`, and `system.txt` and `description.txt` where they are needed."""
    if not fit(name):
        return None
    files = {part: settings.PROMPTS_FOLDER / name / f"{part}.txt" for part in (*PARTS, "description")}
    said = {part: file.read_text(encoding="utf-8").strip() for part, file in files.items() if file.is_file()}
    return msgspec.convert({"name": name, **said}, PromptText) if "user" in said else None
