"""The application is server-neutral: the same smoke on uvicorn (`serve`) and on daphne (`runserver`)."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.flow.event_streams import stream_of
from tests.flow.sockets import close_code, receive, socket_to
from tests.flow.stack import Stack

SERVERS = {"uvicorn": ("serve", "--port"), "daphne": ("runserver", "--noreload")}
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="module")
def stacks(django_db_setup: None) -> Iterator[dict[str, Stack]]:
    """One web on each server, without a worker; each started when first asked for."""
    made: dict[str, Stack] = {}
    yield made
    for stack in made.values():
        stack.stop()


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest, stacks: dict[str, Stack]) -> Iterator[Stack]:
    """The web on each server in turn."""
    if request.param not in stacks:
        stacks[request.param] = Stack(f"{request.param}_{WORKER}", workers=0, server=SERVERS[request.param])
        stacks[request.param].start()
    yield stacks[request.param]
    stacks[request.param].close_browsers()


class TestServer:
    def test_a_message_goes_in_by_rest_and_out_by_socket(self, served: Stack) -> None:
        browser = served.login("alice")
        session = browser.new_session()

        async def watch() -> None:
            async with socket_to(browser, f"/ws/sessions/{session}/?after=0") as socket:
                assert (await receive(socket))["result"]["head"] == 1
                assert (await receive(socket))["event"]["type"] == "session-created"
                await asyncio.to_thread(browser.say, session, "hello")
                assert (await receive(socket))["event"]["data"]["content"][0]["text"] == "hello"

        asyncio.run(watch())

    def test_a_body_over_the_limit_is_refused_as_a_problem(self, served: Stack) -> None:
        browser = served.login("alice")
        answer = browser.call("POST", "sessions/", {"title": "x" * 5_000_000})
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "too-large"

    def test_a_body_without_a_declared_length_is_cut_off_too(self, served: Stack) -> None:
        browser = served.login("alice")
        headers = {"X-CSRFToken": browser.client.cookies["csrftoken"], "Content-Type": "application/json"}
        pieces = (b" " * 65_536 for _ in range(80))
        try:
            answer = browser.client.post("/api/v1/sessions/", content=pieces, headers=headers)
        except httpx.TransportError:
            pass  # the server may hang up while we are still sending
        else:
            assert answer.status_code == 413
        assert browser.call("GET", "sessions/").status_code == 200

    def test_a_file_is_uploaded_and_downloaded_in_parts(self, served: Stack) -> None:
        browser = served.login("alice")
        session = browser.new_session()
        path = f"/api/v1/sessions/{session}/artifacts/"
        token = {"X-CSRFToken": browser.client.cookies["csrftoken"]}
        whole = os.urandom(3_000_000)
        kind = "application/octet-stream"
        ways: list[dict[str, Any]] = [
            {"files": {"file": ("a.bin", whole, kind)}},
            {"params": {"name": "a.bin"}, "content": whole, "headers": {"Content-Type": kind}},
            {"params": {"name": "a.bin"}, "content": iter([whole[:5], whole[5:]]), "headers": {"Content-Type": kind}},
        ]
        for number, way in enumerate(ways, 1):
            answer = browser.client.post(path, **{**way, "headers": way.get("headers", {}) | token})
            assert answer.status_code == 201, answer.text
            assert (answer.json()["version"], answer.json()["size"]) == (number, len(whole))
        content = f"/api/v1/artifacts/{answer.json()['id']}/content/"
        assert browser.client.get(content).content == whole
        part = browser.client.get(content, headers={"Range": "bytes=1000000-2999998"})
        assert (part.status_code, part.content) == (206, whole[1_000_000:2_999_999])
        head = browser.client.head(content)
        assert (head.headers["content-length"], head.content) == (str(len(whole)), b"")
        assert browser.client.get(content, headers={"If-None-Match": head.headers["etag"]}).status_code == 304

    def test_an_event_stream_is_followed_and_left(self, served: Stack) -> None:
        browser = served.login("alice")
        session = browser.new_session()
        for after in (1, 2):
            with stream_of(browser, f"sessions/{session}/events/?after={after}") as reader:
                assert reader.answer.headers["content-type"] == "text/event-stream"
                browser.say(session, "hello")
                assert [said.ident for said in reader.until("message-added")] == [str(after + 1)]

    def test_a_page_of_another_site_cannot_open_a_socket(self, served: Stack) -> None:
        browser = served.login("alice")

        async def attempt() -> None:
            async with socket_to(browser, "/ws/v1/", origin="https://evil.example"):
                pass

        with pytest.raises(InvalidStatus, match="403"):
            asyncio.run(attempt())

    def test_a_stranger_is_told_why_the_socket_closes(self, served: Stack) -> None:
        browser = served.login("alice")
        browser.client.cookies.delete("sessionid")

        async def attempt() -> tuple[int | None, str]:
            async with socket_to(browser, "/ws/v1/") as socket:
                return await close_code(socket)

        code, _ = asyncio.run(attempt())
        assert code == 4401
