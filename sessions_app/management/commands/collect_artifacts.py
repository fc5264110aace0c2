"""`manage.py collect_artifacts`: frees the bytes of artifacts that nobody refers to, now and all of them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sessions_app.artifacts import collect


class Command(BaseCommand):
    help = "Free the bytes that no artifact refers to any more (the workers do so by and by)."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--dry-run`."""
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how many."""
        if options["dry_run"]:
            self.stdout.write(f"{collect.unused().count()} unused")
            return
        while collect.settle():
            pass
        freed = 0
        while some := collect.free():
            freed += some
        self.stdout.write(f"{freed} freed")
