"""What the browser's pages share: who looks, the one way to write, whose session it is."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from bus import untrusted
from bus.bus import bus
from bus.exceptions import NotFound
from bus.messages import Actor, CommandResult, Context
from sessions_app import queries
from sessions_app.models import Conversation, Session


def actor_of(request: HttpRequest) -> Actor:
    """Who looks at the page, as the bus knows them."""
    return Actor("user", str(request.user.pk))


def answered(request: HttpRequest, name: str, payload: Mapping[str, Any]) -> CommandResult:
    """What becomes of the command of that name, given by this person. Raises Refused."""
    untrusted.check(payload)
    context = Context(actor=actor_of(request), correlation_id=getattr(request, "request_id", ""))
    return bus.execute(bus.registry.command(name, payload), context)


def execute(request: HttpRequest, name: str, payload: Mapping[str, Any]) -> Any:
    """What it answers. Raises Refused."""
    return answered(request, name, payload).data


def session_or_404(request: HttpRequest, session_id: UUID) -> Session:
    """The session with its `version` and `role`, where this person may read it."""
    try:
        return queries.session_of(actor_of(request), session_id)
    except NotFound:
        raise Http404 from None


def may_act(session: Session) -> bool:
    """Whether this person may do more than read; `session` from `session_or_404`."""
    role: str = session.role  # type: ignore[attr-defined]
    return role != "viewer"


def ids_in(texts: Iterable[str]) -> list[UUID]:
    """Those of the texts that are ids."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


def whole_number(text: str) -> int | None:
    """A version or position; None for what is none, or larger than any."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def conversation_or_404(request: HttpRequest, session_id: UUID) -> Conversation:
    """The one the address names (`conversation`, by default main), of a session already checked."""
    try:
        given = request.GET.get("conversation")
        return queries.conversation_in(session_id, UUID(given) if given else session_id)
    except (NotFound, ValueError):
        raise Http404 from None


def is_part(request: HttpRequest) -> bool:
    """Whether htmx asks, for a part of the page."""
    return bool(request.htmx)  # type: ignore[attr-defined]  # by its middleware


def back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """To the page of ours that the form names as `next`, or to the one of that name."""
    there = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(there, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(there if here else otherwise)
