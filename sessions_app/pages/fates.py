"""What becomes of each message in the next request, as rows of a page. Called by `context`."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _

from sessions_app import queries
from sessions_app.llm.context.items import item_of
from sessions_app.llm.context.plan import Decision
from sessions_app.models import Conversation, Message, Session
from sessions_app.pages import places, saying
from sessions_app.values import Role

ROWS = 50
SENT = ("kept", "compacted")
"""Outcomes of what is in the request."""


class Row(NamedTuple):
    """One message, and what becomes of it. `decision` is None where there is no plan, since it would not fit."""

    id: UUID
    role: str
    text: str
    tokens: int
    decision: Decision | None
    why: str
    pinned: bool
    excluded: bool
    own: bool
    address: str


def newest(conversation: Conversation) -> list[Row]:
    """The newest messages, where there is no plan."""
    return [_row(message, None) for message in queries.line_of(conversation).order_by("-position")[:ROWS]]


def page(session: Session, decisions: Sequence[Decision], *, out: bool, older: str) -> tuple[list[Row], UUID | None]:
    """A page of messages, newest first, of those that are left `out` or of all; `older` than the message of that id.
    Beside it the last one's id, if there are more."""
    wanted = [one for one in reversed(decisions) if not out or one.outcome not in SENT]
    ids = [str(one.id) for one in wanted]
    start = ids.index(older) + 1 if older in ids else 0
    shown = wanted[start : start + ROWS]
    found = Message.objects.in_bulk([one.id for one in shown])
    rows = [_row(found[one.id], one) if one.id in found else _configured(session, one) for one in shown]
    return rows, shown[-1].id if len(wanted) > start + ROWS else None


def summaries(decisions: Sequence[Decision]) -> list[Row]:
    """The summaries in force, newest first: each can be taken back."""
    standing = [one for one in decisions if one.code == "summary"]
    found = Message.objects.in_bulk([one.id for one in standing])
    return [_row(found[one.id], one) for one in reversed(standing)]


def _row(message: Message, decision: Decision | None) -> Row:
    item = item_of(message)
    return Row(
        id=message.id,
        role=message.role,
        text=saying.text(message.content),
        tokens=decision.tokens if decision else item.tokens,
        decision=decision,
        why=_(decision.why) if decision else "",
        pinned=item.pinned,
        excluded=item.excluded,
        own=True,
        address=places.message_address(message.session_id, message.id, message.conversation_id),
    )


def _configured(session: Session, decision: Decision) -> Row:
    """The system prompt of the configuration, which is no message."""
    text = saying.short(str(session.config.get("system_prompt") or ""))
    return Row(session.id, Role.SYSTEM, text, decision.tokens, decision, _(decision.why), False, False, False, "")
