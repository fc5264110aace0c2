"""Event streams as a plain HTTP client reads them: no library between, so that what is written is what is tested."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import httpx


class Program(Protocol):
    """Whoever reads: a browser, or anything else with a client of its own."""

    client: httpx.Client


class Said(NamedTuple):
    """One event: its name, its data, its id (empty where it has none)."""

    kind: str
    data: Any
    ident: str = ""


class EventReader:
    """What comes on one stream; `comments` are what no program reads."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments: list[str] = []
        self.retry = 0
        self._lines = answer.iter_lines()

    def __iter__(self) -> Iterator[Said]:
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if not line and "data" in fields:
                yield Said(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
            if not line:
                fields = {}
            elif not name:
                self.comments.append(value)
            elif name == "retry":
                self.retry = int(value)
            else:
                fields[name] = value

    def until(self, kind: str) -> list[Said]:
        """What comes up to the first event of that name, with it."""
        said = []
        for one in self:
            said.append(one)
            if one.kind == kind:
                return said
        raise AssertionError(f"the stream ended without {kind}: {said}")


@contextmanager
def stream_of(program: Program, path: str, body: Any = None, **headers: str) -> Iterator[EventReader]:
    """The open stream at an address under /api/v1/; with a body it is asked for by POST."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Accept": "text/event-stream", "X-CSRFToken": program.client.cookies.get("csrftoken") or "", **named}
    method = "GET" if body is None else "POST"
    with program.client.stream(method, f"/api/v1/{path}", json=body, headers=sent) as answer:
        if answer.status_code >= 300:
            answer.read()
        yield EventReader(answer)
