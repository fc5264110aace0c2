"""The way in."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import httpx

from parley_client.http import Http
from parley_client.session import Session


class Parley:
    """A server and a token for it. Use it as `async with`, or `close()` it.

    Requests that fail in a way that passes are tried again; a repeated POST has no second effect. A change that names
    its version (`update`, `delete`) is not repeated once it may have arrived: `unreachable` does not say whether."""

    def __init__(
        self, url: str, *, token: str, timeout: float = 30.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = Http(url, token, timeout, transport)

    async def __aenter__(self) -> "Parley":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections up."""
        await self._http.close()

    async def create_session(self, **fields: Any) -> Session:
        """A new session: `title`, `config` (`provider`, `model`, …), `metadata`."""
        return Session(self._http, await self._http.json("POST", "sessions/", fields))

    async def ensure_session(self, ident: str, **fields: Any) -> Session:
        """The session with this id, made if it is not there."""
        return Session(self._http, await self._http.json("PUT", f"sessions/{ident}/", fields))

    async def session(self, ident: str) -> Session:
        """One that is there. Raises ParleyError 404."""
        return Session(self._http, await self._http.json("GET", f"sessions/{ident}/"))

    async def sessions(self, **filters: Any) -> AsyncIterator[Session]:
        """One's own, newest change first; filters as in REST."""
        async for info in self._http.pages("sessions/", limit=100, **filters):
            yield Session(self._http, info)

    async def execute(self, name: str, *, key: str | None = None, **payload: Any) -> Any:
        """Run a public command by its name; its result's data. With the same `key` again it has no second effect."""
        done = await self._http.json("POST", "commands/", {"name": name, "payload": payload}, key=key)
        return done["data"]

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Anything else below `/api/v1/`."""
        return await self._http.json(method, path, body, **options)
