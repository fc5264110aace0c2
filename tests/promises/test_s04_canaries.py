"""S4: credentials never in URLs or logs: whatever lets somebody in is used, well and badly, at LOG_LEVEL=DEBUG."""

import asyncio
import json
import os
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.flow.sockets import close_code, receive, socket_to
from tests.flow.stack import Browser, Stack, wait_until

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
MAKE_LINK = (
    "from django.contrib.auth.models import User; from sessions_app.login_link import make_link;"
    " print(make_link(User.objects.get(username='bob')))"
)


@pytest.fixture(scope="module")
def loud(django_db_setup: None) -> Iterator[Stack]:
    """A web and a worker that log all they can."""
    made = Stack(f"loud_{WORKER}", settings={"LOG_LEVEL": "DEBUG"})
    try:
        yield made.start()
    finally:
        made.stop()


def enter_by_link(stack: Stack) -> dict[str, str]:
    """Look at a login link, press its button as a page of another site would, then as one should; the credentials."""
    path = urlsplit(stack.manage("shell", "-v0", "-c", MAKE_LINK).strip().splitlines()[-1]).path
    with httpx.Client(base_url=stack.url(), timeout=30) as client:
        assert client.post(path).status_code == 403  # without the CSRF token; the link stays good
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 400
        assert client.get(path, headers={"traceparent": "x"}).status_code == 200
        token = client.cookies["csrftoken"]
        entered = client.post(path, data={"csrfmiddlewaretoken": token})
        assert (entered.status_code, entered.headers["location"][:10]) == (302, "/sessions/")
        assert client.get(path).status_code == 410
        return {
            "link": path.split("/")[3],
            "CSRF of the link": token,
            "session of the link": client.cookies["sessionid"],
        }


def log_in_badly(stack: Stack) -> dict[str, str]:
    """A wrong password, one in the admin, one without the CSRF token; the canaries."""
    given = {"guess": "canary-guess", "admin's guess": "canary-admin-guess", "unasked": "canary-unasked"}
    with httpx.Client(base_url=stack.url(), timeout=30) as client:
        client.get("/login/")
        for path, password in (("/login/", given["guess"]), ("/admin/login/", given["admin's guess"])):
            form = {"username": "bob", "password": password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
            assert client.post(path, data=form).status_code == 200
        assert client.post("/login/", data={"username": "bob", "password": given["unasked"]}).status_code == 403
    return given


async def use_sockets(browser: Browser, session: str) -> None:
    """A socket that works, one that is refused, one that breaks the protocol."""
    async with socket_to(browser, f"/ws/sessions/{session}/?after=0") as socket:
        await receive(socket)
        await socket.send("{nonsense")
        assert (await close_code(socket))[0] == 4400
    with pytest.raises(InvalidStatus):
        async with socket_to(browser, "/ws/v1/", origin="https://evil.example"):
            pass


def use_tokens(stack: Stack, browser: Browser) -> dict[str, str]:
    """A token that works, is refused, is revoked, and stands where none belongs; the canaries."""
    made = browser.call("POST", "tokens/", {"name": "canary", "scopes": ["sessions:write", "sessions:read"]}).json()
    token, forged = made["token"], "parley_" + "canary-" * 6 + "x"
    with httpx.Client(base_url=stack.url(), timeout=30) as client:
        for text, path, status in (
            (token, "sessions/", 200),
            (token, "models/", 403),
            (forged, "sessions/", 401),
            (token, "nothing/at/all/", 404),
        ):
            assert client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {text}"}).status_code == status
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        for body in (b"{", b'{"title": 1}', f'{{"{token}": 1}}'.encode()):
            assert client.post("/api/v1/sessions/", content=body, headers=headers).status_code in (400, 422)
        assert browser.call("DELETE", f"tokens/{made['id']}/").status_code == 204
        assert client.get("/api/v1/sessions/", headers=headers).status_code == 401
        client.get(f"/api/v1/tokens/?cursor={token}")  # where it does not belong
    return {"REST token": token.removeprefix("parley_"), "forged token": forged.removeprefix("parley_")}


async def show_other_things(browser: Browser) -> dict[str, str]:
    """Sockets opened by a token and by tickets, well and badly; what was shown."""
    token = browser.call("POST", "tokens/", {"name": "t", "scopes": ["*"]}).json()["token"]
    first, second = (browser.call("POST", "tickets/", {}).json()["ticket"] for _ in range(2))
    for path, protocol in (
        ("/ws/v1/", f"bearer.{token}"),
        ("/ws/v1/", f"ticket.{first}"),
        (f"/ws/v1/?ticket={second}", "none"),
    ):
        async with socket_to(browser, path, subprotocols=["parley.v1", protocol]) as socket:
            await socket.send(json.dumps({"id": 1, "method": "authenticate", "params": {"token": token}}))
            assert "result" in await receive(socket)
    for path in (f"/ws/v1/?ticket={second}", f"/nowhere?ticket={second}"):
        async with socket_to(browser, path) as socket:
            assert (await close_code(socket))[0] in (4401, 4404)
    return {"token": token, "ticket": first, "ticket in an address": second}


def use_everything(stack: Stack) -> dict[str, str]:
    """Log in and work, with refusals of every kind; the credentials that were used."""
    browser = stack.login("alice")
    session = browser.new_session()
    assert browser.say(session, "hello", answer=True)
    queued = browser.call(
        "POST",
        "commands/",
        {"name": "add-message", "payload": {"session_id": session, "content": "later"}},
        Prefer="respond-async",
    )
    path = f"commands/{queued.json()['command_id']}/"
    wait_until(lambda: browser.call("GET", path).json()["state"] == "done", what="the queued command")
    unnamed: dict[str, Any] = {"X_CSRFToken": "canary-csrf"}
    assert browser.call("POST", "sessions/", {}, **unnamed).status_code == 403
    assert browser.call("GET", "sessions/", Host="evil.example").status_code == 400
    asyncio.run(use_sockets(browser, session))
    return {
        **use_tokens(stack, browser),
        **asyncio.run(show_other_things(browser)),
        "password": "alice-password",
        "session": browser.client.cookies["sessionid"],
        "CSRF": browser.client.cookies["csrftoken"],
        "CSRF in a header": "canary-csrf",
    }


def test_no_credential_is_in_any_log(loud: Stack) -> None:
    canaries = use_everything(loud) | log_in_badly(loud) | enter_by_link(loud)
    (web,), (worker,) = loud.webs, loud.workers
    for process, text in ((web, b"DEBUG"), (worker, b"DEBUG")):
        wait_until(partial(process.has_said, text), what=f"{process.name} logging at DEBUG")
    found = [
        f"{process.name}: {name}: {line[:300]}"
        for process in (web, worker)
        for line in process.log.read_text(errors="replace").splitlines()
        for name, canary in canaries.items()
        if canary in line
    ]
    assert not found, "\n".join(found)
