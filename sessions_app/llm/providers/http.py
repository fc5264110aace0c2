"""What the providers that speak HTTP share: the SDK's client, one call, and the way out of every failure.

The SDK gives address, headers and authorisation; the stream is read raw, because its parsed objects cost twice as
much as our own. SDK and network library are imported at the first call, in a thread: not by the web processes."""

import asyncio
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any, ClassVar, Protocol

import msgspec

from sessions_app.llm.addresses import NotAllowed
from sessions_app.llm.base import Credentials, Piece, ProviderError, Request
from sessions_app.llm.providers import failures, sse

NO_KEY = "no-key"
"""Sent to servers of one's own that need none; the SDKs insist on something."""
HEADERS = frozenset({"authorization", "content-type", "accept", "host", "x-api-key", "anthropic-version", "user-agent"})
"""All that leaves: an SDK would add what it finds in the environment, and a description of this machine."""


class Reading(Protocol):
    """The state of one answer being read."""

    done: bool

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that one event completes. Raises ProviderError."""

    def end(self) -> list[Piece]:
        """What is left, with the Finish. Raises ProviderError when the answer is not whole."""


class HttpProvider:
    """A provider behind an SDK with a `post` method. Made once per process and credentials, for one event loop."""

    name: ClassVar[str]
    windows: ClassVar[dict[str, int]] = {}
    free: ClassVar[bool] = False
    sdk: ClassVar[str]
    client_class: ClassVar[str]
    official: ClassVar[str]
    """Where requests go when the credentials name no other place."""
    path: ClassVar[str]
    settings: ClassVar[dict[str, Any]] = {}
    """What else the client is made with."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._client: Any = None
        self._opening = asyncio.Lock()

    def body(self, request: Request) -> dict[str, Any]:
        """The request as the provider wants it. Raises ProviderError for what it cannot express."""
        raise NotImplementedError

    def reading(self) -> Reading:
        """A fresh reader of one answer."""
        raise NotImplementedError

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """The answer, piece by piece. Closing it closes the connection."""
        body = self.body(request)
        await self._open()
        failed: ProviderError | None = None
        answer = None
        try:
            answer = await self._post(body)
            reading = self.reading()
            async for data in sse.events(answer.stream):
                for piece in reading.feed(data):
                    yield piece
                if reading.done:
                    break
            for piece in reading.end():
                yield piece
        except self._expected as error:
            failed = self._failure(error)
        finally:
            if answer is not None:
                await answer.aclose()
        if failed is not None:  # raised out here, without the SDK's error and its request behind it
            raise failed

    async def aclose(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.close()

    async def _open(self) -> None:
        async with self._opening:
            if self._client is None:
                if not self._credentials.api_key and not self._credentials.base_url:
                    raise failures.failure("not-configured", f"There is no key for {self.name} on this server.")
                try:
                    self._client = await asyncio.to_thread(self._connect)
                except NotAllowed as refused:
                    raise failures.failure("not-configured", refused.detail) from None

    def _connect(self) -> Any:
        """Import the SDK and make its client, with all it would otherwise look for in the environment."""
        egress, sdk = import_module("sessions_app.llm.egress"), import_module(self.sdk)
        self._sdk, self._response = sdk, egress.Response
        self._expected = (sdk.APIError, NotAllowed, sse.TooLong, *egress.FAILURES)
        base_url = self._credentials.base_url or self.official
        client = egress.client(base_url, headers=HEADERS, key=self._credentials.api_key or NO_KEY)
        try:
            return getattr(sdk, self.client_class)(
                api_key=NO_KEY,  # egress has the true one
                base_url=base_url,
                max_retries=0,  # the engine retries
                http_client=client,
                **self.settings,
            )
        except egress.FAILURES:
            raise NotAllowed("The provider's address cannot be read.") from None

    async def _post(self, body: dict[str, Any]) -> Any:
        return await self._client.post(
            self.path,
            cast_to=self._response,
            body=body,
            options={"headers": {"Accept": "text/event-stream"}},
            stream=True,
            stream_cls=self._sdk.AsyncStream[Any],
        )

    def _failure(self, error: Exception) -> ProviderError:
        if isinstance(error, NotAllowed):
            return failures.failure("not-configured", error.detail)
        if isinstance(error, sse.TooLong):
            return failures.failure("malformed", str(sse.TooLong.__doc__))
        if isinstance(error, self._sdk.APIStatusError):
            answer = error.response
            return failures.of_status(
                answer.status_code, answer.headers, decoded(answer.content), self._credentials.api_key
            )
        said = failures.redacted(str(error.__cause__ or error), self._credentials.api_key)  # the SDKs wrap it
        return failures.failure("network", f"The provider cannot be reached. {said}")


def decoded(body: bytes) -> Any:
    """The JSON of an error's body; None where it is something else."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def check_options(request: Request, refused: frozenset[str]) -> None:
    """Raises ProviderError when the session's options would change what the server alone decides."""
    found = sorted(refused & request.options.keys())
    if found:
        raise failures.failure("refused", f"These provider options cannot be set: {', '.join(found)}.")
