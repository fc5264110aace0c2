"""The addresses of what events are about. Called by `log` and `travel`."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from sessions_app.pages.saying import Data


class Link(NamedTuple):
    """Where something is shown that an event is about."""

    label: str
    address: str


def links(session_id: UUID, data: Data) -> list[Link]:
    """Where what an event names is shown."""
    session, log = reverse("session", args=[session_id]), reverse("log", args=[session_id])
    places: dict[str, tuple[str, Callable[[UUID], str]]] = {
        "message_id": (_("Message"), lambda ident: message_address(session_id, ident, data.get("conversation_id"))),
        "conversation_id": (_("Conversation"), lambda ident: f"{session}?conversation={ident}"),
        "run_id": (_("Events of this run"), lambda ident: f"{log}?about={ident}"),
        "graph_id": (_("Graph"), lambda ident: reverse("graph", args=[session_id, ident])),
        "artifact_id": (_("Artifact"), lambda ident: reverse("api-artifact-content", args=[ident])),
    }
    named = {name: _ident(data.get(name)) for name in places}
    return [Link(places[name][0], places[name][1](ident)) for name, ident in named.items() if ident is not None]


def message_address(session_id: UUID, message: Any, conversation: Any = None) -> str:
    """Where a message stands in its conversation."""
    named = {"conversation": conversation} if conversation and str(conversation) != str(session_id) else {}
    return f"{reverse('session', args=[session_id])}?{urlencode({**named, 'message': message})}"


def _ident(given: Any) -> UUID | None:
    """An imported log may name anything."""
    try:
        return UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None
