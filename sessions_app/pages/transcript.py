"""What the page of a session shows, line by line: messages, tool calls with their results, what became of runs, answers
to come. Called by `session`; static/parley/ (messages.js, runs.js) makes the same lines of what comes live."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from sessions_app.llm import status
from sessions_app.models import Conversation, Message, Run
from sessions_app.queries import line_of

MESSAGES = 50
RUNS = 200
REASONS = {
    "length": "The answer reached its greatest length.",
    "content_filter": "The provider's filter stopped the answer.",
    "cancelled": "Stopped.",
    "steps": "Stopped: too many rounds of tools.",
}
DECISIONS = {None: "undecided", True: "allowed", False: "denied"}

Entry = dict[str, Any]


def entries(conversation: Conversation, before: int | None) -> tuple[list[Entry], int | None]:
    """The lines of a conversation, oldest first, and where to go on towards the beginning. With `before`: those before
    that position, without answers to come. Messages are read first: what ends meanwhile comes by the socket."""
    rows = line_of(conversation)
    if before is not None:
        rows = rows.filter(position__lt=before)
    newest = list(rows.order_by("-position")[: MESSAGES + 1])
    earlier = newest[MESSAGES - 1].position if len(newest) > MESSAGES else None
    said = newest[MESSAGES - 1 :: -1] if earlier is not None else newest[::-1]
    runs = _runs(conversation.id, said, earlier or 0, before)
    lines = _messages(said, {run.id: run for run in runs if run.state in status.OPEN})
    _shared(lines, said, conversation)
    lines += _notes(runs, lines)
    lines.sort(key=lambda line: (line["position"], line["kind"] == "note"))
    if before is None:
        to_come = [run for run in runs if run.state in status.OPEN]
        lines += [_to_come(run) for run in sorted(to_come, key=lambda run: run.waits)]
    return lines, earlier


def _runs(conversation: UUID, said: Sequence[Message], after: int, before: int | None) -> Sequence[Run]:
    """Those at work, those that spoke here, and those that ended without a whole answer where one would be. What became
    of the runs of a conversation that this is a fork of is told there."""
    short = Q(state__in=status.ENDED - {Run.State.COMPLETED}, requested_version__gt=after)
    if before is not None:
        short &= Q(requested_version__lt=before)
    wanted = Q(id__in={message.run for message in said if message.run}) | Q(state__in=status.OPEN) | short
    tries = Q(retries=Coalesce(OuterRef("retries"), OuterRef("id"))) | Q(continues=OuterRef("id"))
    again = Run.objects.filter(tries, conversation_id=conversation, queued_at__gt=OuterRef("queued_at"))
    runs = Run.objects.filter(wanted, conversation_id=conversation).annotate(again=Exists(again))
    return list(runs.order_by("-requested_version", "-id")[:RUNS])[::-1]


# -- messages ----------------------------------------------------------------------------------------------------------


def _messages(said: Iterable[Message], at_work: Mapping[UUID | None, Run]) -> list[Entry]:
    """The messages; a tool's result stands in the card of its call."""
    lines: list[Entry] = []
    cards: dict[tuple[UUID | None, str], Entry] = {}
    for message in said:
        if (card := _card_of(message, cards)) is not None:
            card["result"] = {"id": message.id, "text": _text(message.content[0])}
        else:
            lines.append(_message(message))
            cards |= {(message.run, part["call"]): part for part in lines[-1]["parts"] if part["call"]}
    for (run, call), card in cards.items():
        if run in at_work and call in at_work[run].decisions:
            card["decision"] = DECISIONS[at_work[run].decisions[call]]
    return lines


def _card_of(message: Message, cards: dict[tuple[UUID | None, str], Entry]) -> Entry | None:
    """The card that this message answers, which is then no longer among them."""
    content = message.content
    if message.role != "tool" or len(content) != 1 or content[0]["type"] != "tool_result":
        return None
    return cards.pop((message.run, content[0]["tool_call_id"]), None)


def _message(message: Message) -> Entry:
    metadata = message.metadata
    marks = ["incomplete"] * bool(metadata.get("incomplete")) + ["replaced"] * bool(metadata.get("superseded_by"))
    parts = [_part(part) for part in message.content]
    parts += [{**_part({**call, "type": "tool_call"}), "own": True} for call in message.tool_calls]
    return {
        "kind": "message",
        "id": message.id,
        "position": message.position,
        "role": message.role,
        "run": message.run,
        "marks": ", ".join(marks),
        "superseded": bool(metadata.get("superseded_by")),
        "when": message.created_at,
        "parts": parts,
    }


def _shared(lines: Iterable[Entry], said: Iterable[Message], conversation: Conversation) -> None:
    """Marks what a fork shares. An answer that was replaced after the fork began was not, as far as the fork goes."""
    shared = {message.id: message for message in said if message.conversation_id != conversation.id}
    by = {ident: str(message.metadata.get("superseded_by")) for ident, message in shared.items()}
    runs = _ids(by.values())
    here = {str(run) for run in line_of(conversation).filter(run__in=runs).values_list("run", flat=True)}
    for line in lines:
        line["shared"] = line["id"] in shared
        if line["shared"] and line["superseded"] and by[line["id"]] not in here:
            line["superseded"], line["marks"] = False, line["marks"].replace("replaced", "").strip(", ")


def _ids(given: Iterable[str]) -> list[UUID]:
    """Those that are ids: metadata is anybody's to write."""
    found = []
    for text in given:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


def _part(part: Mapping[str, Any]) -> Entry:
    call = part["tool_call_id"] if part["type"] == "tool_call" else ""
    return {"label": _label(part), "text": _text(part), "call": call, "name": part.get("name", "")}


def _label(part: Mapping[str, Any]) -> str:
    kind = str(part["type"])
    return {"text": "", "tool_call": f"tool call: {part.get('name')}", "tool_result": "tool result"}.get(kind, kind)


def _text(part: Mapping[str, Any]) -> SafeString:
    match part["type"]:
        case "image":
            text = " ".join(filter(None, (part.get("alt_text"), part["url"])))
        case "tool_call":
            text = json.dumps(part["args"], ensure_ascii=False, indent=2, sort_keys=True)
        case _:
            text = part.get("text") or part.get("content") or ""
    # an HTML parser makes one newline of CR LF; the reference keeps the text as it was said
    return mark_safe(escape(text).replace("\r", "&#13;"))  # noqa: S308 (escaped right here)


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
            return f"No answer: {run.error}"
        case Run.State.INTERRUPTED:
            return "The answer was cut off." if run.message else "No answer: it was interrupted."
        case Run.State.INCOMPLETE:
            return REASONS.get(run.finish_reason, f"Incomplete: {run.finish_reason}.")
        case Run.State.CANCELLED if run.input is None:
            return "Cancelled."
    return ""


def _to_come(run: Run) -> Entry:
    return {
        "kind": "run",
        "run": run.id,
        "first": run.retries or run.id,
        "position": run.requested_version,
        "role": "user" if run.input else "assistant",
        "waits": run.waits,
        "stoppable": not run.cancel_requested,
        "mark": _mark(run),
        "parts": [_part(part) for part in run.input or []],
    }


def _mark(run: Run) -> str:
    if run.waits:
        return "waiting for its turn"
    if run.state == Run.State.REQUIRES_ACTION:
        return "waiting for a decision"
    if run.state == Run.State.RUNNING:
        return "stopping…" if run.cancel_requested else "answering…"
    failure = run.failures[-1] if run.failures else None
    if failure and run.started_at and datetime.fromisoformat(failure["at"]) > run.started_at:
        return f"trying again: {failure['code']}"
    return "waiting for a worker…"
