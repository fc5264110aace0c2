"""A person calling the REST face: JSON in, JSON out, and the problem document when refused."""

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.test import Client

from bus.models import StoredEvent
from tests.api.conformity import check_described

ROOT = "/api/v1/"
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


class Caller:
    """Calls addresses under /api/v1/ as one person, or a program with a token (neither: a stranger)."""

    def __init__(self, user: User | None = None, *, bearer: str | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.always = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        if user is not None:
            self.client.force_login(user)

    def call(self, method: str, path: str, body: Any = None, /, **headers: str) -> Any:
        """One call; `headers` are spelled `if_match="*"`. Bytes go out as they are, other bodies as JSON.
        What comes as a stream is read to its end: `answer.whole`. Every answer is held against the description."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in (self.always | headers).items()}
        content_type = named.pop("content-type", "application/json")
        address = path if path.startswith("/") else ROOT + path
        answer: Any = self.client.generic(method, address, data, content_type=content_type, headers=named)
        if answer.streaming:
            answer.whole = answer.getvalue()
        check_described(method, address, answer)
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("DELETE", path, **headers)

    def session(self, **fields: Any) -> str:
        """A new session's id."""
        answer = self.post("sessions/", fields)
        assert answer.status_code == 201, answer.content
        return str(answer.json()["id"])

    def say(self, session: str | UUID, content: Any = "hello", **fields: Any) -> dict[str, Any]:
        """A new message, as the API shows it."""
        answer = self.post(f"sessions/{session}/messages/", {"content": content, **fields})
        assert answer.status_code == 201, answer.content
        shown: dict[str, Any] = answer.json()
        return shown


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, checked for its form."""
    assert answer.status_code == status, (answer.status_code, answer.content[:500])
    document = any_problem(answer)
    assert document["code"] == code, document
    return document


def any_problem(answer: Any) -> dict[str, Any]:
    """The problem document of a refusal whose code does not matter."""
    assert answer["Content-Type"] == "application/problem+json", (answer.status_code, answer.content[:500])
    document: dict[str, Any] = answer.json()
    assert document.keys() >= MEMBERS, document
    assert document["status"] == answer.status_code
    assert document["type"] == f"/problems/{document['code']}"
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == answer["X-Request-ID"]
    return document


def recorded() -> int:
    """How many events the log holds."""
    return StoredEvent.objects.count()
