"""The limit on bodies holds on WSGI too, where the edge does not stand before Django."""

import io
import json
from http import HTTPStatus
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.test import Client

from config.wsgi import application

TOKEN = "x" * 32
BODY = json.dumps({"title": "x" * 5_000_000}).encode()


def post(client: Client, body: io.BytesIO) -> tuple[int, str, bytes]:
    """POST to `sessions/` as a WSGI server does; status, content type and body of the answer."""
    values: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/sessions/",
        "HTTP_HOST": "testserver",
        "HTTP_COOKIE": f"sessionid={client.cookies['sessionid'].value}; csrftoken={TOKEN}",
        "HTTP_X_CSRFTOKEN": TOKEN,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body.getbuffer())),
        "wsgi.input": body,
    }
    setup_testing_defaults(values)
    started: list[Any] = []
    answer = application(values, lambda status, headers, error=None: started.extend((status, dict(headers))))
    content = b"".join(answer)
    getattr(answer, "close", lambda: None)()  # a refusal is a plain list
    return int(started[0].split()[0]), started[1]["Content-Type"], content


@pytest.mark.django_db(transaction=True)
def test_a_body_over_the_limit_is_refused_as_a_problem(alice_client: Client) -> None:
    body = io.BytesIO(BODY)
    status, kind, content = post(alice_client, body)
    assert (status, kind) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "application/problem+json"), content
    assert json.loads(content)["code"] == "too-large"
    assert body.tell() < len(BODY), "it was read to its end"


def test_a_body_in_chunks_is_refused_rather_than_taken_for_an_empty_one() -> None:
    values: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/sessions/",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": "application/json",
        "wsgi.input": io.BytesIO(b'{"title": "kept?"}'),
    }
    setup_testing_defaults(values)
    started: list[Any] = []
    content = b"".join(application(values, lambda status, headers: started.extend((status, dict(headers)))))
    assert started[0].startswith("411")
    assert started[1]["Content-Type"] == "application/problem+json"
    assert json.loads(content)["code"] == "length-required"
