"""What the frames of a run tell: no character twice, none missing, one end."""

from typing import Any
from uuid import UUID

import msgspec

from bus.live.frames import Frame
from sessions_app.openai_front.telling import Called, Ended, Failed, Piece, Spoken, Telling

RUN = UUID(int=7)
SESSION = UUID(int=8)


def delta(offset: int, text: str, attempt: int = 1, run: UUID = RUN) -> Frame:
    return Frame(stream=SESSION, type="run-delta", key=run, attempt=attempt, offset=offset, text=text, body=b"{}")


def event(kind: str, **data: Any) -> Frame:
    body = msgspec.json.encode({"data": {"run_id": str(RUN), **data}})
    return Frame(stream=SESSION, type=kind, version=1, body=body)


def message(text: str, *calls: str) -> Frame:
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}]
    parts += [{"type": "tool_call", "tool_call_id": name, "name": name, "args": {"a": 1}} for name in calls]
    return event("message-added", role="assistant", content=parts)


def told(*frames: Frame, tools: str = "") -> list[Piece]:
    telling = Telling(RUN, frozenset(tools.split()))
    return [piece for frame in frames for piece in telling.take(frame)]


def text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Spoken))


def completed(reason: str = "stop") -> Frame:
    return event("run-completed", finish_reason=reason)


def test_deltas_that_repeat_or_are_missing_make_the_same_text_as_the_message() -> None:
    begun = event("run-started", attempt=1)
    for deltas in ([delta(0, "one "), delta(0, "one two ")], [delta(0, "one "), delta(8, "three")], []):
        pieces = told(begun, *deltas, message("one two three"), delta(0, "one two three"), completed())
        assert text(pieces) == "one two three"
        assert pieces[-1] == Ended("stop")


def test_the_texts_around_the_servers_tools_are_one_answer() -> None:
    pieces = told(
        event("run-started", attempt=1),
        delta(0, "Let me "),
        message("Let me see. ", "clock"),
        event("run-continued", attempt=2),
        delta(0, "see.", attempt=1),
        delta(0, "It is ", attempt=2),
        message("It is noon."),
        completed(),
    )
    assert text(pieces) == "Let me see. It is noon."


def test_only_calls_of_the_clients_tools_are_told() -> None:
    pieces = told(message("", "clock", "weather"), completed("tool_calls"), tools="weather")
    (called,) = [piece for piece in pieces if isinstance(piece, Called)]
    assert [(call.name, call.arguments) for call in called.calls] == [("weather", '{"a":1}')]
    assert pieces[-1] == Ended("tool_calls")


def test_what_was_said_and_is_lost_is_not_passed_over() -> None:
    begun = [event("run-started", attempt=1), delta(0, "one ")]
    (*_, failed) = told(*begun, event("run-started", attempt=2))
    assert isinstance(failed, Failed)
    assert told(*begun[:1], event("run-started", attempt=2), delta(0, "one", attempt=2)) == [Spoken("one")]


def test_other_runs_are_not_told_and_ends_have_their_names() -> None:
    other = UUID(int=9)
    assert told(delta(0, "x", run=other), event("run-completed", run_id=str(other), finish_reason="stop")) == []
    assert told(event("run-incomplete", reason="length")) == [Ended("length")]
    assert told(event("run-incomplete", reason="content_filter")) == [Ended("content_filter")]
    for kind in ("run-cancelled", "run-interrupted", "session-deleted"):
        assert isinstance(told(event(kind))[0], Failed)
    (failed,) = told(event("run-failed", code="timeout", error="too slow"))
    assert isinstance(failed, Failed)
    assert (failed.error.answered, failed.error.detail, failed.error.final) == (504, "too slow", True)
