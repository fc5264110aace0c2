"""What can go wrong. Everything is a ParleyError."""

from typing import Any


class ParleyError(Exception):
    """The server refused. `code` is stable (the server's catalogue of problems); `problem` is the whole document."""

    def __init__(self, status: int, code: str, detail: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.problem = problem or {}


class Disconnected(ParleyError):
    """A socket was closed with a code that says: stay away. `status` is the close code."""


class LogRestored(ParleyError):
    """The log does not go on from the version you have: forget what you know of the session, read it anew, and follow
    it from `head` on."""

    def __init__(self, head: int | None) -> None:
        super().__init__(4010, "log-restored", "the log does not go on from this version")
        self.head = head


class RunFailed(ParleyError):
    """A run ended without its answer. `status` is 0; `problem` is the run."""
