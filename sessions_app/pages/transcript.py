"""What the page of a session shows, line by line: messages, tool calls with their results, what became of runs, answers
to come. Called by `session`; static/parley/ (messages.js, runs.js) makes the same lines of what comes live."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from sessions_app.llm import status
from sessions_app.models import Conversation, Message, Run
from sessions_app.pages import facts, parts
from sessions_app.pages.common import ids_in
from sessions_app.pages.windows import Window
from sessions_app.queries import line_of

RUNS = 200
REASONS = {
    "length": gettext_noop("The answer reached its greatest length."),
    "content_filter": gettext_noop("The provider's filter stopped the answer."),
    "cancelled": gettext_noop("Stopped."),
    "steps": gettext_noop("Stopped: too many rounds of tools."),
}
DECISIONS = {None: "undecided", True: "allowed", False: "denied"}

Entry = parts.Entry


def entries(conversation: Conversation, window: Window, *, to_come: bool) -> list[Entry]:
    """The lines of a conversation, oldest first; with `to_come` also the answers at work, but not what waits. Messages
    were read before: what ends meanwhile comes by the socket."""
    runs = _runs(conversation.id, window)
    own = [run for run in runs if run.conversation_id == conversation.id]
    lines = messages(conversation, window.said, runs)
    lines += _notes(own, lines)
    lines.sort(key=lambda line: (line["position"], line["kind"] == "note"))
    if to_come:
        lines += [_to_come(run) for run in own if run.state in status.OPEN and not run.waits]
    return lines


def messages(conversation: Conversation, said: Sequence[Message], runs: Iterable[Run]) -> list[Entry]:
    """The lines of these messages alone, with what is known of the runs that spoke them."""
    lines = _messages(said, {run.id: run for run in runs})
    _shared(lines, said, conversation)
    return lines


def runs_of(said: Iterable[Message]) -> Sequence[Run]:
    """The runs that spoke these messages."""
    ids = {message.run for message in said if message.run}
    return list(Run.objects.filter(id__in=ids)) if ids else []


def _runs(conversation: UUID, window: Window) -> Sequence[Run]:
    """Those at work, those that spoke here, and those that ended without a whole answer where one would be. What became
    of the runs of a conversation that this is a fork of is told there."""
    short = Q(state__in=status.ENDED - {Run.State.COMPLETED}, requested_version__gt=window.lower or 0)
    if window.upper is not None:
        short &= Q(requested_version__lte=window.upper)
    own = Q(conversation_id=conversation) & (Q(state__in=status.OPEN) | short)
    spoke = Q(id__in={message.run for message in window.said if message.run})
    tries = Q(retries=Coalesce(OuterRef("retries"), OuterRef("id"))) | Q(continues=OuterRef("id"))
    again = Run.objects.filter(tries, conversation_id=conversation, queued_at__gt=OuterRef("queued_at"))
    runs = Run.objects.filter(own | spoke).annotate(again=Exists(again))
    return list(runs.order_by("-requested_version", "-id")[:RUNS])[::-1]


# -- messages ----------------------------------------------------------------------------------------------------------


def _messages(said: Iterable[Message], spoke: Mapping[UUID | None, Run]) -> list[Entry]:
    """The messages; a tool's result stands in the card of its call."""
    lines: list[Entry] = []
    cards: dict[tuple[UUID | None, str], Entry] = {}
    for message in said:
        if (card := _card_of(message, cards)) is not None:
            card["result"] = {"id": message.id, **parts.result(message.content[0]["content"])}
        else:
            lines.append(_message(message, spoke.get(message.run)))
            cards |= {(message.run, part["call"]): part for part in lines[-1]["parts"] if part.get("call")}
    for (run, call), card in cards.items():
        if run in spoke and spoke[run].state in status.OPEN and call in spoke[run].decisions:
            card["decision"] = DECISIONS[spoke[run].decisions[call]]
    return lines


def _card_of(message: Message, cards: dict[tuple[UUID | None, str], Entry]) -> Entry | None:
    """The card that this message answers, which is then no longer among them."""
    content = message.content
    if message.role != "tool" or len(content) != 1 or content[0]["type"] != "tool_result":
        return None
    return cards.pop((message.run, content[0]["tool_call_id"]), None)


def _message(message: Message, run: Run | None) -> Entry:
    metadata = message.metadata
    marks = [_("incomplete")] * bool(metadata.get("incomplete")) + [_("replaced")] * bool(metadata.get("superseded_by"))
    said = [parts.shown(part, message.role) for part in message.content]
    said += [{**parts.shown({**call, "type": "tool_call"}, message.role), "own": True} for call in message.tool_calls]
    return {
        "kind": "message",
        "id": message.id,
        "position": message.position,
        "role": message.role,
        "run": message.run,
        "marks": ", ".join(marks),
        "superseded": bool(metadata.get("superseded_by")),
        "when": message.created_at,
        "parts": said,
        "facts": facts.of(run) if run else [],
    }


def _shared(lines: Iterable[Entry], said: Iterable[Message], conversation: Conversation) -> None:
    """Marks what a fork shares. An answer that was replaced after the fork began was not, as far as the fork goes."""
    shared = {message.id: message for message in said if message.conversation_id != conversation.id}
    by = {ident: str(message.metadata.get("superseded_by")) for ident, message in shared.items()}
    runs = ids_in(by.values())  # metadata is anybody's to write
    here = {str(run) for run in line_of(conversation).filter(run__in=runs).values_list("run", flat=True)}
    for line in lines:
        line["shared"] = line["id"] in shared
        if line["shared"] and line["superseded"] and by[line["id"]] not in here:
            line["superseded"], line["marks"] = False, line["marks"].replace(_("replaced"), "").strip(", ")


# -- runs --------------------------------------------------------------------------------------------------------------


def _notes(runs: Iterable[Run], lines: Iterable[Entry]) -> list[Entry]:
    """Why an answer is missing or not whole, after the last line of its run; not where another run does it again."""
    last = {line["run"]: line["position"] for line in lines if line["run"]}
    return [
        {
            "kind": "note",
            "run": run.id,
            "first": run.retries or run.id,
            "position": max(run.requested_version, last.get(run.id, 0)),
            "text": why,
            "mild": run.state != Run.State.FAILED,
            "continues": run.message is not None,
        }
        for run in runs
        if (why := _why(run)) and not getattr(run, "again", False)
    ]


def _why(run: Run) -> str:
    """What is said of an ended run; what was removed before its turn leaves nothing behind."""
    match run.state:
        case Run.State.FAILED:
            return _("No answer: %(error)s") % {"error": run.error}
        case Run.State.INTERRUPTED:
            return _("The answer was cut off.") if run.message else _("No answer: it was interrupted.")
        case Run.State.INCOMPLETE:
            if reason := REASONS.get(run.finish_reason):
                return _(reason)
            return _("Incomplete: %(reason)s.") % {"reason": run.finish_reason}
        case Run.State.CANCELLED if run.input is None:
            return _("Cancelled.")
    return ""


def _to_come(run: Run) -> Entry:
    return {
        "kind": "run",
        "run": run.id,
        "first": run.retries or run.id,
        "position": run.requested_version,
        "stoppable": not run.cancel_requested,
        "mark": _mark(run),
    }


def _mark(run: Run) -> str:
    if run.state == Run.State.REQUIRES_ACTION:
        return _("waiting for a decision")
    if run.state == Run.State.RUNNING:
        return _("stopping…") if run.cancel_requested else _("answering…")
    failure = run.failures[-1] if run.failures else None
    if failure and run.started_at and datetime.fromisoformat(failure["at"]) > run.started_at:
        return _("trying again: %(code)s") % {"code": failure["code"]}
    return _("waiting for a worker…")
