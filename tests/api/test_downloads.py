"""Downloads: whole, in ranges, or not again; and never as a page of ours."""

import asyncio
from typing import Any

import pytest
from django.db import connection

from tests.api.caller import ROOT, Caller
from tests.api.uploading import TEXT, content, plain
from tests.pictures import GIF, HTML, PNG, SVG


@pytest.fixture
def text(api: Caller, session: str) -> str:
    """The address of ten bytes of text."""
    answer = plain(api, session)
    assert answer.status_code == 201, answer.content
    return f"artifacts/{answer.json()['id']}/content/"


def test_a_download_is_a_download_and_nothing_more(api: Caller, text: str) -> None:
    answer = api.get(text)
    assert content(answer) == TEXT
    expected = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": "10",
        "Content-Disposition": 'attachment; filename="a.txt"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    assert {name: answer[name] for name in expected} == expected
    head = api.call("HEAD", text)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", answer["ETag"])
    assert {name: head[name] for name in expected} == expected


def test_any_accept_header_is_fine(api: Caller, text: str) -> None:
    for accept in ("image/png", "text/html", "*/*", "application/json"):
        assert content(api.get(text, accept=accept)) == TEXT


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ('a "b".txt', 'attachment; filename="a \\"b\\".txt"'),
        ("résumé.pdf", "attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf"),
        ("a;b=c.txt", 'attachment; filename="a;b=c.txt"'),
    ],
)
def test_a_file_name_goes_safely_into_the_header(api: Caller, session: str, name: str, header: str) -> None:
    shown = api.post(f"sessions/{session}/artifacts/", {"name": name, "data": 1}).json()
    assert api.get(f"artifacts/{shown['id']}/content/")["Content-Disposition"] == header


@pytest.mark.parametrize(
    ("kind", "body", "inline"),
    [
        ("image/png", PNG, True),
        ("image/gif", GIF, True),
        ("image/svg+xml", SVG, False),
        ("text/html", HTML, False),
        ("text/plain", TEXT, False),
        ("application/xhtml+xml", HTML, False),
        ("application/javascript", b"alert(1)", False),
        ("application/pdf", b"%PDF-1.7", False),
        ("application/octet-stream", HTML, False),
    ],
)
def test_only_plain_images_are_shown_in_place(api: Caller, session: str, kind: str, body: bytes, inline: bool) -> None:
    ident = plain(api, session, body, kind).json()["id"]
    for query, shown in (("", False), ("?inline", inline), ("?inline=1", inline)):
        answer = api.get(f"artifacts/{ident}/content/{query}")
        assert answer["Content-Disposition"].startswith("inline" if shown else "attachment")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"


RANGES: list[tuple[str, int, bytes, str]] = [
    ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
    ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
    ("bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
    ("bytes=9-9", 206, b"9", "bytes 9-9/10"),
    ("bytes=0-99", 206, TEXT, "bytes 0-9/10"),
    ("bytes=-99", 206, TEXT, "bytes 0-9/10"),
    ("bytes = 1 - 2", 206, b"12", "bytes 1-2/10"),
    ("bytes=10-", 416, b"", "bytes */10"),
    ("bytes=10-20", 416, b"", "bytes */10"),
    ("bytes=-0", 416, b"", "bytes */10"),
    ("bytes=999999999999999999-", 416, b"", "bytes */10"),
    ("bytes=5-4", 200, TEXT, ""),
    ("bytes=-", 200, TEXT, ""),
    ("bytes=", 200, TEXT, ""),
    ("bytes=0-1,3-4", 200, TEXT, ""),
    ("bytes=a-b", 200, TEXT, ""),
    ("bytes=" + "9" * 5000 + "-", 200, TEXT, ""),
    ("lines=0-1", 200, TEXT, ""),
    ("nonsense", 200, TEXT, ""),
]


@pytest.mark.parametrize(("wanted", "status", "body", "named"), RANGES, ids=[case[0][:20] for case in RANGES])
def test_a_range_is_given(api: Caller, text: str, wanted: str, status: int, body: bytes, named: str) -> None:
    answer = api.get(text, range=wanted)
    assert (answer.status_code, answer.get("Content-Range", "")) == (status, named)
    if status == 416:
        return
    assert content(answer) == body
    assert answer["Content-Length"] == str(len(body))
    head = api.call("HEAD", text, range=wanted)
    assert (head.status_code, head.get("Content-Range", ""), head["Content-Length"]) == (status, named, str(len(body)))


def test_nothing_has_no_ranges(api: Caller, session: str) -> None:
    address = f"artifacts/{plain(api, session, b'').json()['id']}/content/"
    assert content(api.get(address)) == b""
    for wanted in ("bytes=0-", "bytes=-1", "bytes=0-0"):
        answer = api.get(address, range=wanted)
        assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */0")


def test_a_copy_that_is_still_good_is_not_sent_again(api: Caller, text: str) -> None:
    tag = api.get(text)["ETag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = api.get(text, if_none_match=given)
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
    for given in ('"other"', tag.strip('"'), "nonsense", ""):
        assert api.get(text, if_none_match=given).status_code == 200


def test_a_range_of_another_version_is_the_whole(api: Caller, text: str) -> None:
    tag = api.get(text)["ETag"]
    assert content(api.get(text, range="bytes=0-1", if_range=tag)) == b"01"
    for given in ('"other"', f"W/{tag}", "Sat, 21 Nov 2026 16:00:00 GMT"):
        assert content(api.get(text, range="bytes=0-1", if_range=given)) == TEXT


@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_a_download_streams(api: Caller, session: str) -> None:
    address = f"artifacts/{plain(api, session, b'x' * 200_000).json()['id']}/content/"
    answer: Any = api.client.get(ROOT + address)
    assert connection.connection is None
    parts = iter(answer.streaming_content)
    assert len(next(parts)) == 65_536
    assert connection.connection is None
    answer.close()


def test_a_download_streams_on_asgi_a_little_at_a_time(api: Caller, session: str) -> None:
    body = b"0123456789" * 20_000
    address = f"artifacts/{plain(api, session, body).json()['id']}/content/"
    answer: Any = api.client.get(ROOT + address, headers={"range": "bytes=5-"})

    async def read() -> list[bytes]:
        return [piece async for piece in answer]

    pieces = asyncio.run(read())
    assert b"".join(pieces) == body[5:]
    assert max(map(len, pieces)) == 65_536
