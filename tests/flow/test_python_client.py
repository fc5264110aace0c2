"""The Python client against a whole Parley, as a program would use it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from parley_client import Event, Parley, ParleyError, RunFailed, Session
from websockets.asyncio.client import ClientConnection

from tests.flow.stack import Stack

CUTS = 5
MESSAGES = 40


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    """One of Alice's, for everything."""
    return stack.manage("create_token", "a program", "--user", "alice").strip()


def using(stack: Stack, token: str, use: Callable[[Parley], Awaitable[None]], number: int = 0) -> None:
    """Run it with a client of one of the webs."""

    async def run() -> None:
        async with Parley(stack.url(number), token=token) as parley:
            await use(parley)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_program_asks_reads_and_changes(stack: Stack, token: str) -> None:
    async def use(parley: Parley) -> None:
        session = await parley.create_session(title="by a program")
        run = await session.ask("one two three")
        pieces = [piece async for piece in run.text()]
        assert "".join(pieces) == await run.answer() == "[echo] one two three"
        assert [message["role"] async for message in session.messages()] == ["user", "assistant"]
        assert [one["id"] async for one in session.runs(state="completed")] == [run.id]
        await session.reload()
        stale = await parley.session(session.id)
        await session.update(title="renamed")
        with pytest.raises(ParleyError) as refused:
            await stale.update(title="too late")
        assert (refused.value.status, refused.value.code) == (412, "precondition-failed")
        assert (await parley.session(session.id)).info["title"] == "renamed"
        assert session.id in [one.id async for one in parley.sessions(q="renamed")]
        await session.delete()
        with pytest.raises(ParleyError, match="not-found"):
            await parley.session(session.id)

    using(stack, token, use)


def test_a_run_that_has_no_answer_says_why(stack: Stack, token: str) -> None:
    async def use(parley: Parley) -> None:
        broken = {"error": "content-filter", "permanent": True}
        config = {"provider": "echo", "model": "echo", "provider_options": broken}
        session = await parley.create_session(config=config)
        run = await session.ask("hello")
        with pytest.raises(RunFailed):
            await run.answer()

    using(stack, token, use)


class Forgetful(httpx.AsyncHTTPTransport):
    """Loses the first answer to each kind of request."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if request.method not in self.lost:
            self.lost.add(request.method)
            await answer.aclose()
            raise httpx.ReadError("lost")
        return answer


def test_what_was_done_though_its_answer_was_lost_is_neither_done_twice_nor_called_refused(
    stack: Stack, token: str
) -> None:
    async def use(_: Parley) -> None:
        async with Parley(stack.url(), token=token, transport=Forgetful()) as parley:
            session = await parley.create_session(title="once")
            assert len([one async for one in parley.sessions(q="once")]) == 1
            with pytest.raises(ParleyError) as unknown:
                await session.update(title="changed")
            assert unknown.value.code == "unreachable"
            assert (await session.reload()).info["title"] == "changed"

    using(stack, token, use)


async def follow(session: Session, until: int, seen: list[Event]) -> None:
    async with aclosing(session.follow(after=0)) as events:
        async for event in events:
            seen.append(event)
            if event.version >= until:
                return


def test_a_follower_is_cut_off_again_and_again_and_misses_nothing(
    stack: Stack, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets: list[ClientConnection] = []
    start = ClientConnection.connection_made

    def made(self: ClientConnection, transport: Any) -> None:
        sockets.append(self)
        start(self, transport)

    monkeypatch.setattr(ClientConnection, "connection_made", made)

    async def use(parley: Parley) -> None:
        session = await parley.create_session()
        seen: list[Event] = []
        following = asyncio.create_task(follow(session, 1 + MESSAGES, seen))
        for number in range(MESSAGES):
            await session.add_message(f"message {number}")
            if number % (MESSAGES // CUTS) == 0 and sockets:
                sockets[-1].transport.abort()
        await following
        assert [event.version for event in seen] == list(range(1, 2 + MESSAGES))
        assert seen[-1].data["content"] == [{"type": "text", "text": f"message {MESSAGES - 1}"}]

    using(stack, token, use, number=1)
    assert len(sockets) > 1, "it was never cut off"


def test_who_has_no_right_is_told(stack: Stack, token: str) -> None:
    async def use(parley: Parley) -> None:
        with pytest.raises(ParleyError, match="unauthenticated"):
            await parley.create_session()

    using(stack, f"{token[:-1]}x", use)
