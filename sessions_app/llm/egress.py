"""The only place that makes clients for requests to the outside: httpx2 for the SDKs, aiohttp beneath.

Imported by a worker at its first call. Every name is resolved here, its addresses are judged, and the connection goes
to those very addresses; redirects, proxies of the environment, cookies and compression are off."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx2
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings

from sessions_app.llm import addresses
from sessions_app.llm.addresses import NotAllowed

Response = httpx2.Response
FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, aiohttp.ClientError, OSError)
"""What a request or the reading of its answer may raise when the network or the other side fails."""
ERROR_BODY = 65_536
"""Bytes that are read of an answer that is an error."""
PIECE = 16_384


def client(base_url: str = "", *, headers: frozenset[str] = frozenset(), key: str = "") -> httpx2.AsyncClient:
    """A client for one event loop. With `base_url` it connects to that origin only, whatever it is asked.

    With `headers` it sends no others, so that nothing an SDK finds in the environment travels along. The `key` is put
    on at the very end: what an SDK never had in a request it cannot log.
    Raises NotAllowed for a place that is refused without a look at its name's addresses."""
    timeout = httpx2.Timeout(settings.LLM_SILENCE_TIMEOUT, connect=settings.LLM_CONNECT_TIMEOUT)
    only = addresses.origin(base_url) if base_url else None
    if only is not None:
        addresses.check_origin(only)
    transport = Transport(only, headers, key)
    return httpx2.AsyncClient(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False)


class Resolver(AbstractResolver):
    """Resolves a name and refuses it when one of its addresses is not public: the others might be tried next."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses that will be connected to. Raises NotAllowed, or OSError when there are none."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        if not addresses.named(host, port):
            for *_, where in found:
                addresses.check_address(str(where[0]), host)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(where[0]), port=port, family=kind, proto=proto, flags=flags)
            for kind, _, proto, _, where in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Transport(httpx2.AsyncBaseTransport):
    """Carries httpx2's requests over one aiohttp session, opened at the first of them."""

    def __init__(self, only: addresses.Origin | None, headers: frozenset[str], key: str) -> None:
        self._only = only
        self._headers = headers
        self._set = {"accept-encoding": "identity"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it, unless it may not go there. Raises NotAllowed, httpx2's own errors, or one of FAILURES."""
        place = addresses.origin(str(request.url))
        if self._only is not None and place != self._only:
            raise NotAllowed(f"A request for another place than {self._only} was refused.")
        addresses.check_origin(place)
        limits = request.extensions.get("timeout", {})
        # `connect` counts the wait for the resolver too
        timeout = aiohttp.ClientTimeout(connect=limits.get("connect"), sock_read=limits.get("read"))
        with _as_httpx(request):
            answer = await self._open().request(
                request.method,
                str(request.url),
                headers=self._sent(request),
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=timeout,
            )
        # an encoding nobody asked for is left as it is: a small body must not become a large one here
        said = [(name, value) for name, value in answer.raw_headers if name.lower() != b"content-encoding"]
        most = ERROR_BODY if answer.status >= 300 else None
        return httpx2.Response(answer.status, headers=said, stream=Body(answer, request, most), request=request)

    def _sent(self, request: httpx2.Request) -> list[tuple[str, str]]:
        kept = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name not in ("cookie", *self._set) and (not self._headers or name in self._headers)
        ]
        return [*kept, *self._set.items()]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=Resolver(), limit=0),  # the engine bounds the calls
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("User-Agent", "Accept"),
            )
        return self._session

    async def aclose(self) -> None:
        """Close the session and its connections."""
        if self._session is not None:
            await self._session.close()


class Body(httpx2.AsyncByteStream):
    """The bytes of an answer as they come, at most `most` of them; closing it early closes the connection."""

    def __init__(self, answer: aiohttp.ClientResponse, request: httpx2.Request, most: int | None) -> None:
        self._answer = answer
        self._request = request
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        with _as_httpx(self._request):
            async for piece in self._answer.content.iter_chunked(PIECE):
                read += len(piece)
                yield piece
                if self._most is not None and read >= self._most:
                    return

    async def aclose(self) -> None:
        """A connection whose answer was read to its end is kept for the next request."""
        if self._answer.content.is_eof():
            self._answer.release()
        else:
            self._answer.close()


@contextmanager
def _as_httpx(request: httpx2.Request) -> Iterator[None]:
    """The SDKs know httpx2's errors only. The messages are ours: aiohttp's may name addresses."""
    try:
        yield
    except (aiohttp.ServerTimeoutError, TimeoutError):
        raise httpx2.ReadTimeout("The other side was silent for too long.", request=request) from None
    except aiohttp.ClientConnectorError:
        raise httpx2.ConnectError("No connection could be made.", request=request) from None
    except aiohttp.ClientResponseError:
        raise httpx2.RemoteProtocolError("The answer was not HTTP.", request=request) from None
    except (aiohttp.ClientError, OSError):
        raise httpx2.ReadError("The connection was cut.", request=request) from None
