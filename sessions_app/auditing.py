"""Admin pages of rows that no command writes: each write is told in the server's log, in its own transaction."""

import json
from collections.abc import Iterable
from typing import Any, Literal

from django.http import HttpRequest

from bus.admin import ModelAdmin, execute
from sessions_app.commands import NoteSetting

MOST = 200
"""Characters of a name, as `note-setting` takes them."""
What = Literal["added", "changed", "deleted", "redriven"]


def note(request: HttpRequest, what: What, kind: str, row: str, fields: Iterable[str] = ()) -> None:
    """Say what this operator has done to a row of this kind."""
    named = [str(field)[:MOST] for field in fields]
    execute(request, NoteSetting(kind=kind, row=row[:MOST], what=what, fields=named))


class Audited(ModelAdmin):
    """Django's own history is a table that whoever owns the database can change; the log is what all else stands in."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """A row was added."""
        note(request, "added", self.opts.label_lower, str(obj.pk))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Fields of a row were changed; nothing is told where none was."""
        fields = _fields(message)
        if fields:
            note(request, "changed", self.opts.label_lower, str(obj.pk), fields)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Rows are about to go."""
        for row in queryset:
            note(request, "deleted", self.opts.label_lower, str(row.pk))
        return super().log_deletions(request, queryset)


def _fields(message: Any) -> list[str]:
    """The names in Django's account of a change, which is a list, or a sentence where it is about a password."""
    if isinstance(message, str):
        try:
            message = json.loads(message)
        except ValueError:
            return [message]
    changes = [entry["changed"] for entry in message if "changed" in entry]
    return [str(field) for change in changes for field in change.get("fields", ())]
