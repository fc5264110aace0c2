"""Event streams over REST: a view checks everything as for any answer, then leaves a flow that goes on without it."""

from typing import Any, NamedTuple

from rest_framework.exceptions import NotAcceptable
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from bus.messages import Actor
from config.streams import KEY, Flow, Handover
from sessions_app.api.authentication import actor_of
from sessions_app.api.paging import whole_number
from sessions_app.api.renderers import JSONRenderer
from sessions_app.streams.session import Reader

MEDIA_TYPE = "text/event-stream"


class EventStreamRenderer(JSONRenderer):
    """Lets `Accept: text/event-stream` choose the stream; refusals are problem documents all the same."""

    media_type = MEDIA_TYPE
    format = "events"


class NotServedHere(NotAcceptable):
    """Event streams are served by the processes that serve what is live; this one is not one of them."""

    default_detail = __doc__


def wanted(request: Request) -> bool:
    """Whether the answer is to be a stream."""
    renderer: Any = request.accepted_renderer
    return renderer.media_type == MEDIA_TYPE and request.method != "HEAD"


class Place(NamedTuple):
    """A place that was taken, and who reads there."""

    handover: Handover
    reader: Reader


def enter(request: Request) -> Place:
    """Take a place for a stream. Raises NotServedHere, TooManyStreams, NoPlace."""
    handover = getattr(request._request, "scope", {}).get(KEY)
    if handover is None:
        raise NotServedHere
    actor: Actor = actor_of(request)
    handover.enter(str(actor))
    return Place(handover, Reader(actor, handover.who))


def begun(place: Place, flow: Flow, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The beginning of an answer that the flow goes on with."""
    place.handover.flow = flow
    kept = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})}
    # never sent; without a body DRF would leave the type out
    return Response(b"\n", status=status, headers=kept, content_type=MEDIA_TYPE)


def after_of(request: Request) -> int:
    """Where the client is: its `Last-Event-ID`, else `after`, else the beginning. Raises Invalid."""
    given = request.headers.get("Last-Event-ID")
    if not given:
        return whole_number(request, "after", 0) or 0
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise Invalid(f"Last-Event-ID is not one this stream has given out: {given[:40]!r}.")
    return int(given)
