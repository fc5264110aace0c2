"""Bodies as servers hand them over: with or without a declared length, in pieces, at the limit."""

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings

from config.asgi import application
from sessions_app.models import Session
from tests.api.caller import Caller, problem, recorded


async def send_over_asgi(caller: Caller, pieces: list[bytes], content_type: bytes) -> tuple[int, dict[str, Any]]:
    """POST to `sessions/` as a server does that received `Transfer-Encoding: chunked`: no Content-Length."""
    cookie = f"sessionid={caller.client.cookies['sessionid'].value}; csrftoken={'x' * 32}".encode()
    headers = [(b"host", b"testserver"), (b"cookie", cookie), (b"x-csrftoken", b"x" * 32)]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/sessions/",
        "query_string": b"",
        "headers": [*headers, (b"content-type", content_type), (b"transfer-encoding", b"chunked")],
    }
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.mark.django_db(transaction=True)
def test_a_body_without_a_declared_length_is_read(api: Caller) -> None:
    pieces = [b'{"title": "in ', b'pieces"}']
    status, shown = asyncio.run(send_over_asgi(api, pieces, b"application/json"))
    assert (status, shown["title"]) == (201, "in pieces")
    status, shown = asyncio.run(send_over_asgi(api, [b"{", b"nonsense"], b"application/json"))
    assert (status, shown["code"]) == (400, "malformed")
    status, shown = asyncio.run(send_over_asgi(api, pieces, b"text/plain"))
    assert (status, shown["code"]) == (415, "unsupported-media-type")
    assert Session.objects.count() == 1


def test_the_largest_body_is_taken_and_one_byte_more_is_not(api: Caller, session: str) -> None:
    path = f"sessions/{session}/messages/"
    most = settings.BODY_LIMIT - len(b'{"content": ""}')
    assert len(api.say(session, "x" * most)["content"][0]["text"]) == most
    before = recorded()
    problem(api.post(path, {"content": "x" * (most + 1)}), 413, "too-large")
    assert recorded() == before
