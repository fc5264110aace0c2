"""Print, or write to docs/, the map of the bus: every command, event, handler, projection, reaction, subscriber."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bus.map import as_markdown
from bus.registry import default


class Command(BaseCommand):
    help = "The map of the bus: commands, events, and who handles, projects, reacts and subscribes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/bus-map.md")
        parser.add_argument("--check", action="store_true", help="fail when docs/bus-map.md is stale")

    def handle(self, *args: Any, write: bool, check: bool, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "bus-map.md"
        text = as_markdown(default)
        if write:
            path.write_text(text)
        elif check:
            if not path.exists() or path.read_text() != text:
                raise CommandError("docs/bus-map.md is stale; run `make docs`.")
        else:
            self.stdout.write(text)
