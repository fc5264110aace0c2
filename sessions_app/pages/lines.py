"""Parts of a session's page that its script asks for: other lines of the conversation, lines anew, prose as it streams.

What comes back is HTML made by the same templates as the page, so that there is one way to write a line."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.decorators import method_decorator
from django.views import View

from bus.exceptions import NotFound
from sessions_app import queries
from sessions_app.api.throttles import reads_counted
from sessions_app.models import Conversation
from sessions_app.pages import markup, transcript, windows
from sessions_app.pages.common import conversation_or_404, ids_in, may_act, session_or_404, whole_number
from sessions_app.pages.windows import Window
from sessions_app.queries import line_of
from sessions_app.values import text_of, to_content

MOST = 50
"""Lines that may be asked for at once."""
PLAIN = "text/plain; charset=utf-8"


@method_decorator(reads_counted, name="dispatch")
class LinesPart(LoginRequiredMixin, View):
    """`sessions/{id}/lines/`: the lines that `before`, `after`, `at` or `message` name, by default the newest; or those
    of the messages with these `id`s."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """The lines as HTML."""
        session = session_or_404(request, session_id)
        conversation = conversation_or_404(request, session_id)
        if ids := ids_in(request.GET.getlist("id")[:MOST]):
            rows = list(line_of(conversation).filter(id__in=ids).order_by("position"))
            said = windows.with_results(conversation, rows)
            window = Window(said, None, None)
            entries = transcript.messages(conversation, said, transcript.runs_of(said))
        else:
            window = window_of(request, conversation)
            entries = transcript.entries(conversation, window, to_come=window.upper is None)
        context = {"session": session, "conversation": conversation, "entries": entries, "window": window, "live": True}
        context["acts"] = may_act(session)
        return render(request, "sessions/lines.html", context)


class MessageText(LoginRequiredMixin, View):
    """`sessions/{id}/lines/{message}/text/`: a message whole, as it was written, where the page shows its beginning."""

    def get(self, request: HttpRequest, session_id: UUID, message_id: UUID) -> HttpResponse:
        """Its text, or that of the tool's results in it."""
        session_or_404(request, session_id)
        try:
            message = queries.message_of(session_id, message_id)
        except NotFound:
            raise Http404 from None
        texts = [str(part.get("content") or "") for part in message.content if part["type"] == "tool_result"]
        return HttpResponse("\n".join(filter(None, [text_of(to_content(message.content)), *texts])), content_type=PLAIN)


@method_decorator(reads_counted, name="dispatch")
class MarkupPart(LoginRequiredMixin, View):
    """`markup/`: what a model has written so far, as the page would show it."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """The body is Markdown; the answer is sanitised HTML."""
        if int(request.headers.get("Content-Length") or 0) > 4 * markup.LONGEST:
            return HttpResponse("Send less text at once.", status=413, content_type=PLAIN)
        try:
            text = request.body.decode()
        except UnicodeDecodeError:
            return HttpResponse("The body is text in UTF-8.", status=400, content_type=PLAIN)
        return HttpResponse(markup.shown(text))


def window_of(request: HttpRequest, conversation: Conversation) -> Window:
    """The part of the conversation that the address names; its end for an address that means nothing."""
    given = request.GET
    if (position := whole_number(given.get("before", ""))) is not None:
        return windows.before(conversation, position)
    if (position := whole_number(given.get("after", ""))) is not None:
        return windows.after(conversation, position)
    position = _place(request, conversation)
    return windows.newest(conversation) if position is None else windows.around(conversation, position)


def _place(request: HttpRequest, conversation: Conversation) -> int | None:
    """The position of a `message`, or of what was said `at` a moment or a position."""
    at = request.GET.get("at", "").strip()
    with suppress(ValueError):
        if message := request.GET.get("message"):
            return line_of(conversation).filter(id=UUID(message)).values_list("position", flat=True).first()
        if (position := whole_number(at)) is not None:
            return position
        if when := _moment(at):
            return windows.since(conversation, when)
    return None


def _moment(text: str) -> datetime | None:
    """A day or a moment, in UTC where it does not say. Raises ValueError."""
    when = parse_datetime(text)
    if when is None and (day := parse_date(text)):
        when = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (the zone follows)
    if when is None:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
