"""`manage.py erase_user NAME`: erases a person and everything they own, for good."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sessions_app.erasure import people


class Command(BaseCommand):
    help = "Erase a user, their sessions and what is kept of them, also from the log. There is no way back."

    def add_arguments(self, parser: CommandParser) -> None:
        """The user's name, and `--yes`."""
        parser.add_argument("username")
        parser.add_argument("--yes", action="store_true", help="do it; otherwise only say how much it would be")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how much."""
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError("There is no such user.")
        if not options["yes"]:
            self.stdout.write(f"{len(people.sessions_of(user))} sessions would be erased; --yes does it")
            return
        done = people.erase(user)
        self.stdout.write(f"{done['sessions']} sessions erased, {done['left']} of others left")
