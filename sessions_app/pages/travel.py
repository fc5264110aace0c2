"""A session as it was at a version: folded from its log, beside what it is now. Called by `log`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import F
from django.utils.translation import gettext as _

from bus.bus import bus
from bus.log.picking import picked
from bus.models import StoredEvent
from sessions_app.events import MessageUpdated
from sessions_app.models import Message, Session
from sessions_app.pages import places, saying
from sessions_app.state import SessionState, fold_all, state_at
from sessions_app.values import ChatMessage

MESSAGES = 12
"""The latest of then are shown."""


class Said(NamedTuple):
    """A message as it was then. `conversation` is empty for main; `edited`: it says something else now."""

    id: UUID
    role: str
    text: str
    conversation: str
    edited: bool
    address: str


class Difference(NamedTuple):
    """What was one thing then and is another now."""

    what: str
    then: str
    now: str


class Moment(NamedTuple):
    """The session then: `version`, what came `since`, the last messages, and after which a fork would begin."""

    version: int
    when: datetime | None
    state: SessionState
    model: str
    events_since: int
    messages_since: int
    messages: list[Said]
    differences: list[Difference]

    @property
    def forks_at(self) -> Said | None:
        """A conversation forks at a message: the last one of then."""
        return self.messages[-1] if self.messages else None


def moment(session: Session, head: int, version: int) -> Moment:
    """The session as it was at that version, which lies between 1 and its head."""
    state = state_at(session.id, version)
    config = msgspec.to_builtins(state.config) if state.config else {}
    return Moment(
        version=version,
        when=state.updated_at,
        state=state,
        model=saying.model(config),
        events_since=head - version,
        messages_since=max(0, session.message_count - state.message_count),
        messages=messages_at(session.id, version),
        differences=list(_differences(state, config, session)),
    )


def messages_at(session_id: UUID, version: int) -> list[Said]:
    """The latest messages of then, oldest first, with the words they had: their own events are folded, no others."""
    rows = Message.objects.filter(session_id=session_id, position__lte=version).order_by("-position")
    rows = rows.annotate(line=F("conversation__name"))[:MESSAGES]
    found = {row.id: row for row in reversed(rows)}
    changed = [row for row in found.values() if row.updated_at > row.created_at]
    versions = [row.position for row in found.values()] + _updates(session_id, version, changed)
    events = picked(bus.registry, session_id, versions)
    folded = fold_all(SessionState(session_id=session_id), events).messages
    return [_said(message, found[message.id], session_id) for message in folded if message.id in found]


def _updates(session_id: UUID, version: int, changed: Iterable[Message]) -> list[int]:
    """The versions, up to that one, at which these messages were changed."""
    ids, first = [str(row.id) for row in changed], min((row.position for row in changed), default=0)
    if not ids:
        return []
    between = StoredEvent.objects.filter(stream=session_id, version__gt=first, version__lte=version)
    return list(between.filter(type=MessageUpdated.type, data__message_id__in=ids).values_list("version", flat=True))


def _said(message: ChatMessage, row: Any, session_id: UUID) -> Said:
    content = msgspec.to_builtins(message.content)
    return Said(
        id=message.id,
        role=str(message.role),
        text=saying.text(content),
        conversation="" if row.conversation_id == session_id else row.line,
        edited=content != row.content,
        address=places.message_address(session_id, message.id, row.conversation_id),
    )


def _differences(state: SessionState, config: Mapping[str, Any], session: Session) -> Iterable[Difference]:
    then, now = state.metrics, session.metrics
    pairs = [
        (_("title"), state.title, session.title),
        *((name, config.get(name), session.config.get(name)) for name in sorted({*config, *session.config})),
        (_("in lists"), _yes(state.is_active), _yes(session.is_active)),
        (_("tokens used"), then.total_tokens, now.total_tokens),
        (_("cost"), _money(then.estimated_cost), _money(now.estimated_cost)),
        (_("messages"), state.message_count, session.message_count),
    ]
    names = sorted({*state.metadata, *session.metadata})
    pairs += [(f"metadata: {name}", state.metadata.get(name), session.metadata.get(name)) for name in names]
    return [Difference(what, _shown(was), _shown(is_now)) for what, was, is_now in pairs if was != is_now]


def _yes(value: bool) -> str:
    return _("yes") if value else _("no, archived")


def _money(cost: Any) -> str:
    return _("unknown") if cost is None else f"${cost:.4f}"


def _shown(value: Any) -> str:
    return "-" if value is None or value == "" else saying.short(str(value))
