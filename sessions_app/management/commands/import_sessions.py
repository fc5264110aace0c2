"""`manage.py import_sessions FILE --user NAME`: sessions of a file become that user's; of any size, and as long as it
takes. What was interrupted goes on where it is called again."""

from argparse import ArgumentParser
from typing import Any

import msgspec
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from bus.exceptions import Refused
from bus.messages import Actor
from sessions_app.exchange import intake
from sessions_app.exchange.importing import How


class Command(BaseCommand):
    help = "Make sessions of a file: an export of one or of all, or of ChatGPT."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What, for whom."""
        parser.add_argument("file")
        parser.add_argument("--user", required=True, help="whose they will be: a user's name")
        parser.add_argument("--lines", action="store_true", help="it is a log line by line (jsonl)")
        parser.add_argument("--dry-run", action="store_true", help="try everything, keep nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """What became of each, as JSON."""
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        try:
            with open(options["file"], "rb") as file:
                actor, how = Actor("user", str(user.pk)), How(dry_run=options["dry_run"])
                report = intake.bring_in(actor, file, how, by_line=options["lines"])
        except Refused as error:
            raise CommandError(error.detail) from None
        self.stdout.write(msgspec.json.format(msgspec.json.encode(report.as_dict())).decode())
