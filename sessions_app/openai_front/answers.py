"""Answers as OpenAI writes them: a whole completion, or its chunks as server-sent events.

After https://platform.openai.com/docs/api-reference/chat/object and …/chat/streaming."""

from typing import Any
from uuid import UUID

import msgspec

from sessions_app.openai_front.telling import Call, Usage

DONE = b"data: [DONE]\n\n"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and where it is answered: the run, and the session's version after which its events come.
    `keyed`: who asks again with the same Idempotency-Key gets the same answer. `cancels`: who leaves stops the run."""

    session: UUID
    conversation: UUID
    run: UUID
    version: int
    model: str
    tools: frozenset[str]
    stream: bool = False
    include_usage: bool = False
    keyed: bool = False
    cancels: bool = False

    @property
    def head(self) -> dict[str, Any]:
        """What every answer begins with. The moment is the one in the run's id (RFC 9562, version 7)."""
        return {
            "id": f"chatcmpl-{self.run.hex}",
            "created": (self.run.int >> 80) // 1000,
            "model": self.model,
            "system_fingerprint": None,
            "session_id": str(self.session),
            "conversation_id": str(self.conversation),
        }


def whole(asked: Asked, text: str, calls: list[Call], reason: str, usage: Usage) -> bytes:
    """A chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": None if calls and not text else text, "refusal": None}
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return msgspec.json.encode({"object": "chat.completion", **asked.head, "choices": [choice], "usage": usage.shown()})


def first(asked: Asked) -> bytes:
    """The chunk that says who speaks."""
    return _chunk(asked, {"role": "assistant", "content": ""})


def more(asked: Asked, text: str) -> bytes:
    """A chunk with more of the text."""
    return _chunk(asked, {"content": text})


def called(asked: Asked, calls: list[Call], before: int) -> bytes:
    """A chunk with calls, of which so many came before."""
    return _chunk(asked, {"tool_calls": [{"index": before + n, **_call(call)} for n, call in enumerate(calls)]})


def last(asked: Asked, reason: str, usage: Usage) -> bytes:
    """What a stream ends with."""
    end = _chunk(asked, {}, reason)
    if asked.include_usage:
        end += _event({"object": "chat.completion.chunk", **asked.head, "choices": [], "usage": usage.shown()})
    return end + DONE


def refused(error: dict[str, Any]) -> bytes:
    """An error in the middle of a stream, which ends it."""
    return _event(error)


def _chunk(asked: Asked, delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    usage = {"usage": None} if asked.include_usage else {}
    return _event({"object": "chat.completion.chunk", **asked.head, "choices": [choice], **usage})


def _event(value: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % msgspec.json.encode(value)


def _call(call: Call) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
