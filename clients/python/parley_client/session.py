"""One session, and one run of it."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from parley_client.errors import RunFailed
from parley_client.events import Event, Notice
from parley_client.following import follow
from parley_client.http import Http

ENDS = ("run-completed", "run-incomplete", "run-failed", "run-cancelled", "run-interrupted")
"""The events with which a run ends."""


class Session:
    """Get it from `Parley.create_session` or `Parley.session`. `info` is what the server last said of it."""

    def __init__(self, http: Http, info: dict[str, Any]) -> None:
        self._http = http
        self.info = info
        self.id: str = info["id"]

    def __repr__(self) -> str:
        return f"Session({self.id!r}, title={self.info.get('title')!r})"

    @property
    def _path(self) -> str:
        return f"sessions/{self.id}/"

    @property
    def version(self) -> int:
        """The version of `info`; what `update` and `delete` are sure of."""
        return int(self.info["version"])

    async def reload(self) -> "Session":
        """Ask the server again."""
        self.info = await self._http.json("GET", self._path)
        return self

    async def update(self, **fields: Any) -> "Session":
        """Change title, configuration, metadata. Raises ParleyError 412 where it has moved on since `reload`."""
        self.info = await self._http.json("PATCH", self._path, fields, version=self.version)
        return self

    async def delete(self) -> None:
        """Remove it from view. Raises ParleyError 412 where it has moved on since `reload`."""
        await self._http.call("DELETE", self._path, version=self.version)

    async def add_message(self, content: str | list[Any], *, role: str = "user", **fields: Any) -> dict[str, Any]:
        """Add a message; the message."""
        body = {"content": content, "role": role, **fields}
        added: dict[str, Any] = await self._http.json("POST", f"{self._path}messages/", body)
        return added

    async def ask(self, content: str | list[Any] | None = None, **options: Any) -> "Run":
        """Ask for an answer, to this user message or to the conversation as it is. Options as in REST: `model`,
        `tools`, `config`, `on_busy`, …"""
        body = options if content is None else {"input": content, **options}
        return Run(self, await self._http.json("POST", f"{self._path}runs/", body))

    def messages(self, *, conversation: str | None = None, order: str = "asc") -> AsyncIterator[dict[str, Any]]:
        """The messages of a conversation, by default the main one."""
        return self._http.pages(f"{self._path}messages/", conversation=conversation, order=order, limit=100)

    def runs(self, *, state: str | None = None) -> AsyncIterator[dict[str, Any]]:
        """The session's runs."""
        return self._http.pages(f"{self._path}runs/", state=state, limit=100)

    async def follow(
        self, after: int | None = None, *, topics: Sequence[str] = (), filters: Sequence[dict[str, Any]] = ()
    ) -> AsyncGenerator[Event, None]:
        """Each event after version `after` (None: from now on) once and in order, for ever; connections that are lost
        are opened again. `topics` such as `message-*`. Raises Disconnected, LogRestored, ParleyError."""
        async with aclosing(self._follow(after, topics, filters, notices=False)) as all_told:
            async for told in all_told:
                if isinstance(told, Event):
                    yield told

    def watch(
        self, after: int | None = None, *, topics: Sequence[str] = (), filters: Sequence[dict[str, Any]] = ()
    ) -> AsyncGenerator[Event | Notice, None]:
        """The same with the notices between them, such as the pieces of an answer (`run-delta`)."""
        return self._follow(after, topics, filters, notices=True)

    def _follow(
        self, after: int | None, topics: Sequence[str], filters: Sequence[dict[str, Any]], *, notices: bool
    ) -> AsyncGenerator[Event | Notice, None]:
        url, token = self._http.url, self._http.token
        return follow(url, token, self.id, after=after, topics=topics, filters=filters, notices=notices)

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Anything else below `sessions/{id}/`, such as `call("GET", "metrics/")`."""
        return await self._http.json(method, f"{self._path}{path}", body, **options)


class Run:
    """One answer, asked for with `Session.ask`. `info` is what the server last said of it."""

    def __init__(self, session: Session, info: dict[str, Any]) -> None:
        self._session = session
        self._http = session._http
        self.info = info
        self.id: str = info["id"]

    def __repr__(self) -> str:
        return f"Run({self.id!r}, state={self.info.get('state')!r})"

    async def reload(self) -> "Run":
        """Ask the server again."""
        self.info = await self._http.json("GET", f"runs/{self.id}/")
        return self

    async def cancel(self) -> None:
        """Stop it; what it has said is kept."""
        await self._http.call("POST", f"runs/{self.id}/cancel/", {})

    async def text(self) -> AsyncGenerator[str, None]:
        """The answer piece by piece as it is given, ending with it. Raises RunFailed.

        Of an answer in several steps (with tools between them) each step's text follows the one before."""
        said = 0
        async with aclosing(self._told("run-*")) as all_told:
            async for told in all_told:
                if told.type in ("run-started", "run-continued"):
                    said = 0
                elif told.type == "run-delta":
                    piece, offset = told.data["text"], told.data["offset"]
                    if offset <= said < offset + len(piece):
                        yield piece[said - offset :]
                        said = offset + len(piece)
        rest = await self.answer()
        if len(rest) > said:
            yield rest[said:]

    async def answer(self) -> str:
        """Wait for the end; the text of the answer. Raises RunFailed where there is none."""
        await self.wait()
        if self.info["message_id"] is None:
            raise RunFailed(0, self.info.get("error_code") or self.info["state"], self.info.get("error", ""), self.info)
        message = await self._session.call("GET", f"messages/{self.info['message_id']}/")
        return "".join(part.get("text", "") for part in message["content"] if part["type"] == "text")

    async def wait(self) -> "Run":
        """Until it has ended."""
        if not self.info.get("finished_at"):
            async with aclosing(self._told(*ENDS)) as all_told:
                async for _ in all_told:
                    pass
            await self.reload()
        return self

    async def _told(self, *topics: str) -> AsyncGenerator[Event | Notice, None]:
        """What the session tells of this run, up to its end."""
        after = int(self.info["requested_version"])
        async with aclosing(self._session.watch(after, topics=topics)) as all_told:
            async for told in all_told:
                if told.data.get("run_id") == self.id:
                    yield told
                    if told.type in ENDS:
                        return
