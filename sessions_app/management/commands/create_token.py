"""`manage.py create_token NAME --user USERNAME`: makes an API token and prints it, once."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bus.bus import bus
from bus.exceptions import Refused
from bus.messages import Actor, Context
from sessions_app.accounts.scopes import ALL


class Command(BaseCommand):
    help = "Make an API token for a user and print it; it is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """`NAME --user USERNAME [--scopes …] [--days N]`."""
        parser.add_argument("name", help="what the token is for")
        parser.add_argument("--user", required=True, help="whose token it is")
        parser.add_argument("--scopes", nargs="+", default=[ALL], help="such as sessions:read runs:write; default: all")
        parser.add_argument("--days", type=int, help="how long it is good; default: until it is revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print its text, and nothing else."""
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user called {options['user']!r}.")
        days = options["days"]
        payload = {
            "name": options["name"],
            "scopes": options["scopes"],
            "expires_in": None if days is None else days * 86_400,
        }
        try:
            command = bus.registry.command("create-token", payload)
            result = bus.execute(command, Context(actor=Actor("user", str(user.pk))))
        except Refused as error:
            raise CommandError(f"{error.detail} {error.extra.get('errors', '')}".strip()) from None
        self.stdout.write(str((result.once or {})["token"]))
