"""S2: what is withdrawn reaches open sockets and event streams of other processes at once: within 2 s, where the next
look would be after 20 (`BUS_REAUTHENTICATE`)."""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx

from tests.flow.sockets import close_code, receive, socket_to, token_socket
from tests.flow.stack import Browser
from tests.harness.cluster import Cluster, Twin
from tests.harness.history import History

SOON = 2.0
WATCH = 15.0
"""Below the time after which the socket would find out by itself."""


def watched(cluster: Cluster, history: History, opened: Any, withdraw: Callable[[], Any]) -> int | None:
    """Opens a socket at the second web, withdraws at the first; the close code."""

    async def main() -> int | None:
        async with opened as socket:
            await receive(socket)
            closing = asyncio.create_task(close_code(socket, WATCH))
            await asyncio.to_thread(withdraw)
            began = time.monotonic()
            code, _ = await closing
            took = time.monotonic() - began
            history.figures("withdrawal", took=round(took, 3))
            assert took <= SOON, f"it took {took:.1f} s"
            return code

    return asyncio.run(main())


def made(browser: Browser) -> tuple[str, str]:
    """A new token's id and text."""
    answer = browser.call("POST", "tokens/", {"name": "t", "scopes": ["sessions:read"]}).json()
    return answer["id"], answer["token"]


def test_the_sockets_of_a_revoked_token_close(cluster: Cluster, history: History) -> None:
    browser = cluster.browser(0)
    path = f"/ws/sessions/{browser.new_session()}/?after=0"
    ident, text = made(browser)
    socket = token_socket(cluster.url(1), path, text)
    assert watched(cluster, history, socket, lambda: browser.call("DELETE", f"tokens/{ident}/")) == 4401


def test_the_event_streams_of_a_revoked_token_end(cluster: Cluster, history: History) -> None:
    browser = cluster.browser(0)
    ident, text = made(browser)
    address = f"{cluster.url(1)}/api/v1/sessions/{browser.new_session()}/events/?after=0"
    asked = {"Accept": "text/event-stream", "Authorization": f"Bearer {text}"}
    with httpx.stream("GET", address, headers=asked, timeout=WATCH) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: session-created"
        browser.call("DELETE", f"tokens/{ident}/")
        began = time.monotonic()
        assert any("login has ended" in line for line in lines)
    took = time.monotonic() - began
    history.figures("withdrawal", took=round(took, 3))
    assert took <= SOON, f"it took {took:.1f} s"


def test_the_sockets_of_a_login_close_with_it(cluster: Cluster, history: History) -> None:
    there = cluster.login("bob", 1)
    here = Twin(there, cluster.url(0))
    path = f"/ws/sessions/{here.new_session()}/?after=0"
    form = {"csrfmiddlewaretoken": here.client.cookies["csrftoken"]}
    with closing(here.client) as client:
        assert watched(cluster, history, socket_to(there, path), lambda: client.post("/logout/", data=form)) == 4401
