"""Write to docs/, or check there, what is generated of the public faces: openapi.json, asyncapi.json, problems.md."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sessions_app.api.description import asyncapi, catalogue, openapi

PACKAGES = ("bus.", "sessions_app.")
"""Messages of other plugins belong to the installation, not to the reference."""


class Command(BaseCommand):
    help = "The reference of the public faces: docs/openapi.json, docs/asyncapi.json, docs/problems.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write the files")

    def handle(self, *args: Any, write: bool, **options: Any) -> None:
        folder = Path(settings.BASE_DIR) / "docs"
        for name, text in pages().items():
            path = folder / name
            if write:
                path.write_bytes(text)
            elif not path.exists() or path.read_bytes() != text:
                raise CommandError(f"docs/{name} is stale; run `make docs`.")


def pages() -> dict[str, bytes]:
    """Each file's bytes."""
    return {
        "openapi.json": openapi.encoded(),
        "asyncapi.json": asyncapi.encoded(PACKAGES),
        "problems.md": catalogue.as_markdown().encode(),
    }
