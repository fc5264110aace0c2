"""What the frames of a run tell a client: text, calls of its tools, the end. Pure, so that it can be tested whole."""

from typing import Any
from uuid import UUID

import msgspec

from bus.live.frames import Frame
from sessions_app.openai_front.errors import FrontError, of_run
from sessions_app.values import Role

CUT_OFF = {"content_filter": "content_filter"}
"""Why an answer is incomplete, where OpenAI has a word of its own; for everything else it is `length`."""


class Spoken(msgspec.Struct, frozen=True):
    """More of the text."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """A call of one of the client's tools."""

    id: str
    name: str
    arguments: str


class Called(msgspec.Struct, frozen=True):
    """The model calls the client's tools."""

    calls: list[Call]


class Ended(msgspec.Struct, frozen=True):
    """The answer is over."""

    reason: str


class Failed(msgspec.Struct, frozen=True):
    """There is no answer, or no whole one."""

    error: FrontError


Piece = Spoken | Called | Ended | Failed


class Usage:
    """Tokens of all requests of the run."""

    def __init__(self) -> None:
        self.prompt = self.completion = self.cached = self.reasoning = 0

    def add(self, data: dict[str, Any]) -> None:
        """Those of a `token-metrics-updated`."""
        buckets = data.get("usage") or {}
        self.prompt += data["prompt_tokens"]
        self.completion += data["completion_tokens"]
        self.cached += buckets.get("cache_read_tokens", 0)
        self.reasoning += buckets.get("reasoning_tokens", 0)

    def shown(self) -> dict[str, Any]:
        """As OpenAI shows it."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }


class Telling:
    """One run as it is told. `tools` are the names of the client's tools."""

    def __init__(self, run: UUID, tools: frozenset[str]) -> None:
        self.run = run
        self.usage = Usage()
        self._tools = tools
        self._attempt = 0
        self._length = 0
        self._stored = False

    def take(self, frame: Frame) -> list[Piece]:
        """What another frame says, in order."""
        if frame.version == 0:
            return self._delta(frame)
        if frame.type == "session-deleted":
            return [Failed(of_run("cancelled", "The session was removed."))]
        data = frame.decoded()["data"]
        if data.get("run_id") != str(self.run):
            return []
        if frame.type == "message-added":
            return self._message(data)
        if frame.type == "token-metrics-updated":
            self.usage.add(data)
            return []
        return self._step(frame.type.removeprefix("run-"), data)

    def _delta(self, frame: Frame) -> list[Piece]:
        if frame.key != self.run or frame.attempt < self._attempt or self._stored:
            return []
        if frame.attempt > self._attempt and (again := self._begin(frame.attempt)):
            return again
        new = frame.text[self._length - frame.offset :] if frame.offset <= self._length else ""
        self._length += len(new)
        return [Spoken(new)] if new else []

    def _begin(self, attempt: int) -> list[Piece]:
        """Another text; one that was begun before and is not stored is lost, and cannot be taken back."""
        if attempt <= self._attempt:
            return []
        lost = self._length > 0 and not self._stored
        self._attempt, self._length, self._stored = attempt, 0, False
        return [Failed(of_run("interrupted", "The answer was begun anew; the session has it."))] if lost else []

    def _message(self, data: dict[str, Any]) -> list[Piece]:
        if data["role"] != Role.ASSISTANT:
            return []
        text = "".join(part["text"] for part in data["content"] if part["type"] == "text")
        rest, self._length, self._stored = text[self._length :], len(text), True
        calls = [_call(part) for part in data["content"] if part["type"] == "tool_call" and part["name"] in self._tools]
        return [*([Spoken(rest)] if rest else []), *([Called(calls)] if calls else [])]

    def _step(self, step: str, data: dict[str, Any]) -> list[Piece]:
        if step in ("started", "continued"):
            return self._begin(data["attempt"])
        if step == "completed":
            return [Ended(data["finish_reason"])]
        if step == "incomplete" and data["reason"] != "cancelled":
            return [Ended(CUT_OFF.get(data["reason"], "length"))]
        if step == "failed":
            return [Failed(of_run(data["code"], data["error"]))]
        if step in ("incomplete", "cancelled"):
            return [Failed(of_run("cancelled", "The run was cancelled; the session keeps what was said."))]
        if step == "interrupted":
            return [Failed(of_run("interrupted", "The run was interrupted; the session keeps what was said."))]
        return []


def _call(part: dict[str, Any]) -> Call:
    arguments = msgspec.json.encode(part["args"]).decode()
    return Call(part["tool_call_id"], part["name"], arguments)
