"""`manage.py reprice`: prices past usage by what the catalogue knows today, session by session, and says what changed.

By commands only; what comes out the same is not touched, so it can be run as often as one likes."""

from argparse import ArgumentParser
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from bus.bus import bus
from bus.exceptions import NotFound
from bus.messages import Actor, Context
from sessions_app import commands, queries

ACTOR = Actor("system", "reprice")


class Command(BaseCommand):
    help = "Price past usage again, from its tokens, with the prices known today: what has no cost yet, or --all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to look at."""
        parser.add_argument("--all", action="store_true", help="also what has a cost already")
        parser.add_argument("--since", type=moment, help="usage from this moment on (ISO 8601; UTC unless it says)")
        parser.add_argument("--provider", help="usage of this provider")
        parser.add_argument("--model", help="usage of this model")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")

    def handle(self, *args: Any, **options: Any) -> None:
        """Every session concerned, and what it came to."""
        asked = {name: options[name] for name in ("since", "provider", "model")}
        fields = {**asked, "all": options["all"], "dry_run": options["dry_run"]}
        entries = queries.usage_to_price(priced_too=options["all"], **asked)
        counts: Counter[str] = Counter()
        total = Decimal(0)
        for session_id in list(entries.order_by("session_id").values_list("session_id", flat=True).distinct()):
            difference = self._session(session_id, fields, counts)
            total += difference
            if difference:
                self.stdout.write(f"session {session_id}: {difference:+f} USD")
        would = "would be" if options["dry_run"] else "were"
        self.stdout.write(
            f"{counts['examined']} entries examined, {counts['changed']} {would} repriced, {total:+f} USD."
        )
        if counts["unknown"]:
            self.stdout.write(f"{counts['unknown']} still have no price that was valid when they were used.")

    def _session(self, session_id: UUID, fields: dict[str, Any], counts: Counter[str]) -> Decimal:
        """One session, a page of its ledger after the other; the difference in USD."""
        difference, after = Decimal(0), None
        while True:
            command = commands.RepriceSession(session_id=session_id, after=after, **fields)
            try:
                done = bus.execute(command, Context(actor=ACTOR)).data
            except NotFound:  # deleted meanwhile
                return difference
            counts.update({name: done[name] for name in ("examined", "changed", "unknown")})
            difference += Decimal(done["difference"])
            if done["next"] is None:
                return difference
            after = UUID(done["next"])


def moment(text: str) -> datetime:
    """An aware time from what was typed."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is not a time such as 2026-11-20 or 2026-11-20T09:00:00+01:00.") from None
    return said if said.tzinfo else said.replace(tzinfo=UTC)
