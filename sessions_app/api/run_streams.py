"""REST for the event stream of one run: by its address, or as the answer to asking for it."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from sessions_app import queries
from sessions_app.api import streaming
from sessions_app.api.authentication import actor_of
from sessions_app.api.description.operations import describes
from sessions_app.api.description.parameters import AFTER, EVENT_STREAM
from sessions_app.api.views import Resource
from sessions_app.models import Run
from sessions_app.streams.run import RunFlow, is_told


class RunStreamView(Resource):
    """`runs/{id}/stream/`"""

    noun = "runs"
    renderer_classes = (streaming.EventStreamRenderer,)
    http_method_names = ("get", "options")

    @describes(
        "stream_run",
        also={204: None},
        media={streaming.MEDIA_TYPE: EVENT_STREAM},
        query=(AFTER,),
        headers=("LastEventId",),
        etag=False,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """The run's events and its text as it grows, until it has ended. 204 to who has come back and has them all:
        that is what keeps an EventSource from coming again."""
        run = queries.run_of(actor_of(request), run_id)
        after = streaming.after_of(request)
        if is_told(run, after):
            return Response(status=204)
        place = streaming.enter(request)
        return streaming.begun(place, RunFlow(place.reader, run, after))


def wanted(request: Request, body: dict[str, Any]) -> str | None:
    """How a run is asked for: what is to happen when the reader of its stream leaves (`continue` or `cancel`); None:
    without a stream. Takes `stream` and `on_disconnect` out of the body. Raises Invalid."""
    stream, on_disconnect = body.pop("stream", False), body.pop("on_disconnect", None)
    if not isinstance(stream, bool):
        raise Invalid("'stream' must be true or false.")
    if on_disconnect not in (None, "continue", "cancel"):
        raise Invalid("'on_disconnect' must be continue or cancel.")
    if stream or streaming.wanted(request):
        return on_disconnect or "continue"
    if on_disconnect is not None:
        raise Invalid("'on_disconnect' is about who reads the stream: ask for one with 'stream': true.")
    return None


def begun(place: streaming.Place, run: Run, on_disconnect: str, answer: Response) -> Response:
    """The run's stream instead of the answer, with its headers."""
    flow = RunFlow(place.reader, run, cancels=on_disconnect == "cancel")
    return streaming.begun(place, flow, answer.status_code, dict(answer.items()))
