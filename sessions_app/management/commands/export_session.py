"""`manage.py export_session ID`: a session as a file, whoever owns it."""

import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from bus.exceptions import NotFound
from bus.messages import SYSTEM
from sessions_app import queries
from sessions_app.exchange import exporting


class Command(BaseCommand):
    help = "Write a session to a file: its whole log (json, jsonl), or its conversations for people (markdown)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which, how, where to."""
        parser.add_argument("session", type=UUID)
        parser.add_argument("--format", choices=exporting.WRITERS, default="json")
        parser.add_argument("--output", help="the file; otherwise it is printed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Piece by piece."""
        try:
            session = queries.session_of(SYSTEM, options["session"])
        except NotFound as error:
            raise CommandError(error.detail) from None
        write, _, _ = exporting.WRITERS[options["format"]]
        manifest = exporting.manifest_of(session.id, session.version)  # type: ignore[attr-defined]
        out = open(options["output"], "wb") if options["output"] else sys.stdout.buffer  # noqa: SIM115
        with out:
            for piece in write(session.id, manifest):
                out.write(piece)
