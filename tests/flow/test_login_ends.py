"""A socket ends with the login that opened it."""

import asyncio
import json
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.flow.sockets import close_code, receive, socket_to
from tests.flow.stack import Stack


@pytest.mark.parametrize("talks", [True, False])
def test_logging_out_closes_the_sockets_of_that_login(stack: Stack, talks: bool) -> None:
    browser = stack.login("alice")
    session = browser.new_session()

    async def watch() -> int | None:
        async with socket_to(browser, f"/ws/sessions/{session}/?after=0") as socket:
            await receive(socket)
            form = {"csrfmiddlewaretoken": browser.client.cookies["csrftoken"]}
            assert (await asyncio.to_thread(browser.client.post, "/logout/", data=form)).status_code == 302
            closing = asyncio.create_task(close_code(socket))
            while talks and not closing.done():
                with suppress(ConnectionClosed):  # it may be closed before we have said anything
                    await socket.send(json.dumps({"id": 1, "method": "ping"}))
                await asyncio.wait((closing,), timeout=0.2)
            return (await closing)[0]

    assert asyncio.run(watch()) == 4401
