"""A session as its log tells it: the events up to a version, newest first, and what the session was then. Read only.
Accounts have such a log, too, without a state."""

from typing import Any
from uuid import UUID

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from bus.bus import bus
from bus.log import store
from bus.messages import Envelope
from bus.models import Stream
from sessions_app.accounts.streams import user_of
from sessions_app.console.common import needs, page
from sessions_app.models import Session
from sessions_app.state import SessionState, state_at

PAGE = 50
LONGEST = 19
"""Digits that surely fit into a version."""


@needs("bus.view_storedevent")
def timeline(request: HttpRequest, stream: UUID) -> HttpResponse:
    """The page. `version`: as of then; without one, and with one that is none: as it is now."""
    head = Stream.objects.filter(id=stream).first()
    if head is None:
        raise Http404
    version = _version(request.GET.get("version", ""), head.version)
    events = store.read(bus.registry, stream, after=max(version - PAGE, 0), until=version, limit=PAGE)
    user, session = user_of(stream), Session.objects.filter(id=stream).select_related("owner").first()
    return page(
        request,
        "timeline",
        _("Timeline"),
        stream=stream,
        session=session,
        account=user,
        head=head.version,
        version=version,
        older=max(version - PAGE, 0),
        newer=min(version + PAGE, head.version) if version < head.version else 0,
        events=[_shown(event) for event in reversed(events)],
        then=None if user is not None else _facts(state_at(stream, version)),
    )


def _version(asked: str, head: int) -> int:
    return min(max(int(asked), 1), head) if asked.isdecimal() and len(asked) < LONGEST else head


def _shown(event: Envelope) -> dict[str, Any]:
    data = msgspec.json.decode(event.data)
    return {
        "version": event.version,
        "position": event.position,
        "type": event.type,
        "actor": str(event.actor),
        "recorded_at": event.recorded_at,
        "erased": event.erased,
        "data": msgspec.json.format(msgspec.json.encode(data), indent=2).decode(),
    }


def _facts(state: SessionState) -> list[tuple[str, Any]]:
    """What the session was, in words."""
    config, metrics = state.config, state.metrics
    return [
        (_("Title"), state.title or "-"),
        (_("State"), _state_in_words(state)),
        (_("Model"), f"{config.provider}/{config.model}" if config else "-"),
        (_("Messages"), state.message_count),
        (_("Tokens"), metrics.total_tokens),
        (_("Cost, USD"), _("unknown") if metrics.estimated_cost is None else f"{metrics.estimated_cost.normalize():f}"),
    ]


def _state_in_words(state: SessionState) -> str:
    if state.is_deleted:
        return _("deleted")
    return _("active") if state.is_active else _("not active")
