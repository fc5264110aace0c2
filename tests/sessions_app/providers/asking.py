"""Asking a provider that speaks to a stand-in, for the contract and other tests."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from django.test import override_settings

from sessions_app.llm.base import Piece, ProviderError, Request, TextDelta, Tool, Turn
from sessions_app.values import Role, parts
from tests.sessions_app.providers import stand_ins
from tests.sessions_app.providers.dialects import Answer, Dialect
from tests.sessions_app.providers.stand_ins import Script, StandIn, streams

CANARY = "sk-canary-7f3a9c51e2"
TOOL = Tool(name="search", description="Finds.", parameters={"type": "object", "properties": {"q": {}}})


def said(pieces: list[Piece]) -> str:
    """The text of an answer."""
    return "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))


class Asking:
    """A provider's dialect, and ways to ask it."""

    dialect: Dialect

    def request(self, **changes: Any) -> Request:
        """A short question."""
        turns = (Turn(role=Role.USER, content=parts("hello")),)
        return Request(**({"model": self.dialect.model, "turns": turns} | changes))

    def ask(self, script: Script, request: Request | None = None, *, key: str = CANARY) -> tuple[list[Piece], StandIn]:
        """All pieces of one answer."""

        async def asked() -> tuple[list[Piece], StandIn]:
            async with stand_ins.stand_in(script) as server:
                with override_settings(LLM_ALLOWED_HOSTS=[server.host]):
                    async with aclosing(self.dialect.made(server.base, key)) as provider:
                        pieces = [piece async for piece in provider.stream(request or self.request())]
                        return pieces, server

        return asyncio.run(asyncio.wait_for(asked(), 20))

    def fails(self, script: Script, request: Request | None = None) -> ProviderError:
        """How one answer fails."""
        with pytest.raises(ProviderError) as failed:
            self.ask(script, request)
        return failed.value

    def answered(self, answer: Answer, request: Request | None = None) -> list[Piece]:
        """The pieces of this answer."""
        return self.ask(streams([self.dialect.stream(answer)]), request)[0]
