"""Rebuild the projections from the log, or check that they match it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bus.log.replay import replay
from bus.registry import default


class Command(BaseCommand):
    help = "Empty the projections (sessions, messages, runs …) and rebuild them from the log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only compare; change nothing")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        count, different = replay(default, keep=not check)
        self.stdout.write(f"{count} events replayed.")
        if not different:
            self.stdout.write("The rows are the same as before.")
        elif check:
            raise CommandError(f"These tables differ from the log: {', '.join(different)}. Run `manage.py replay`.")
        else:
            self.stdout.write(f"Rows changed in: {', '.join(different)}.")
