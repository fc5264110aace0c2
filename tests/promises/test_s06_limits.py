"""S6: sizes and times are limited before the application: 300 MB are refused unread, the slow keep nobody out."""

import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.flow.stack import Browser, Stack, wait_until
from tests.promises.floods import MIB, Wsgi, head, highest, lorises, upload

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
HUGE = 300 * MIB
MOST = 20 * MIB
SLOW = 100
PROMPT = 2.0
"""Seconds in which others are answered meanwhile."""
JSON = ("Content-Type: application/json",)
BYTES = "Content-Type: application/octet-stream"
LARGEST = 50 * MIB
FORM = ("Content-Type: multipart/form-data; boundary=x",)


@pytest.fixture(scope="module")
def served(django_db_setup: None) -> Iterator[Stack]:
    """`manage.py serve`, with little patience for bodies unless a mutant says otherwise."""
    yield from _started(Stack(f"edge_{WORKER}", workers=0, settings=_patience()))


@pytest.fixture(scope="module")
def wsgi(django_db_setup: None) -> Iterator[Stack]:
    """granian."""
    yield from _started(Wsgi(f"wsgi_{WORKER}", workers=0))


def _patience() -> dict[str, str]:
    return {"BODY_TIMEOUT": os.environ.get("BODY_TIMEOUT", "2")}


def _started(stack: Stack) -> Iterator[Stack]:
    try:
        yield stack.start()
    finally:
        stack.stop()


def credentials(browser: Browser) -> tuple[str, ...]:
    return f"Cookie: {browser.cookies}", f"X-CSRFToken: {browser.client.cookies['csrftoken']}"


def refuses_huge(stack: Stack, path: str, *lines: str, chunked: bool = False, status: bytes = b" 413 ") -> None:
    """300 MB are not taken, whoever sends them, and cost next to nothing."""
    with highest(stack.webs[0]) as rose:
        answer, _ = upload(stack.ports[0], path, HUGE, *lines, chunked=chunked)
    assert status in answer, (path, chunked, answer)
    assert rose[0] <= MOST, f"{rose[0] / MIB:.0f} MiB more"


@pytest.mark.parametrize("chunked", [False, True])
def test_300_mb_are_refused_by_serve(served: Stack, chunked: bool) -> None:
    known = credentials(served.login("alice"))
    for path, lines in (("/api/v1/sessions/", JSON), ("/login/", FORM), ("/admin/", FORM), ("/nothing", ())):
        for who in ((), known):
            refuses_huge(served, path, *lines, *who, chunked=chunked)


def test_300_mb_are_refused_by_the_rest_process(wsgi: Stack) -> None:
    known = credentials(wsgi.login("alice"))
    for path, lines in (("/api/v1/sessions/", JSON), ("/login/", FORM), ("/admin/", FORM), ("/nothing", ())):
        for who in ((), known):
            refuses_huge(wsgi, path, *lines, *who)
            refuses_huge(wsgi, path, *lines, *who, chunked=True, status=b" 411 ")


def artifacts_of(stack: Stack) -> tuple[str, tuple[str, ...]]:
    """Where Alice may upload, and with what headers."""
    browser = stack.login("alice")
    return f"/api/v1/sessions/{browser.new_session()}/artifacts/", credentials(browser)


@pytest.mark.parametrize("chunked", [False, True])
def test_100_mb_are_no_artifact(served: Stack, wsgi: Stack, chunked: bool) -> None:
    for stack in (served, wsgi):
        path, known = artifacts_of(stack)
        status = b" 411 " if chunked and stack is wsgi else b" 413 "
        for lines in ((BYTES, *known), (*FORM, *known), (BYTES,)):
            with highest(stack.webs[0]) as rose:
                answer, _ = upload(stack.ports[0], f"{path}?name=x", 100 * MIB, *lines, chunked=chunked)
            assert status in answer, (lines, answer)
            assert rose[0] <= MOST, f"{rose[0] / MIB:.0f} MiB more"


def test_an_artifact_at_the_limit_goes_in_and_out_through_little_memory(served: Stack, wsgi: Stack) -> None:
    for stack in (served, wsgi):
        browser = stack.login("alice")
        path, known = artifacts_of(stack)
        with highest(stack.webs[0]) as rose:
            answer, _ = upload(stack.ports[0], f"{path}?name=x", LARGEST, BYTES, *known)
            assert b" 201 " in answer
            shown = browser.client.get(path).json()["data"][0]
            with browser.client.stream("GET", f"/api/v1/artifacts/{shown['id']}/content/") as download:
                assert sum(map(len, download.iter_raw())) == shown["size"] == LARGEST
        assert rose[0] <= MOST, f"{rose[0] / MIB:.0f} MiB more"


def test_uploads_that_never_end_keep_nobody_out(served: Stack) -> None:
    path, known = artifacts_of(served)
    beginning = head(f"{path}?name=x", served.ports[0], BYTES, *known, "Content-Length: 40000000") + b"\r\nx"
    with lorises(served.ports[0], SLOW, beginning):
        others_are_served(served)


def others_are_served(stack: Stack) -> None:
    """Somebody who comes now, and somebody who stays, in time."""
    browser = stack.login("bob")
    session = browser.new_session()
    for number in range(20):
        started = time.monotonic()
        browser.say(session, str(number))
        assert httpx.get(f"{stack.url()}/login/").status_code == 200
        assert time.monotonic() - started <= PROMPT


def test_heads_that_never_end_keep_nobody_out(served: Stack) -> None:
    with lorises(served.ports[0], SLOW, head("/login/", served.ports[0], "X-Slow: ")[:-2]):
        others_are_served(served)


def test_bodies_that_never_end_keep_nobody_out_and_are_given_up(served: Stack) -> None:
    known = credentials(served.login("alice"))
    beginning = head("/api/v1/sessions/", served.ports[0], *JSON, *known, "Content-Length: 100000") + b"\r\n{"
    with lorises(served.ports[0], SLOW, beginning) as slow:
        others_are_served(served)
        answers = [answered(one) for one in slow]
        assert all(b" 408 " in answer for answer in answers)


def answered(client: Any) -> bytes:
    """What a slow client is told."""
    client.settimeout(0.1)

    def said() -> bytes:
        try:
            return bytes(client.recv(4096))
        except TimeoutError:
            return b""

    found: bytes = wait_until(said, deadline=10, what="a slow body being given up")
    return found
