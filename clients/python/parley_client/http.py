"""REST: one request with its retries, and keyset lists as async iterators."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx

from parley_client.errors import ParleyError

TRIES = 5
LONGEST_PAUSE = 10.0
PASSING = frozenset({429, 502, 503, 504})
"""Statuses that ask to be tried again."""
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""What says that nothing has arrived."""
REFUSED = frozenset({429, 503})
"""Statuses after which nothing was done; after a proxy's others, who knows."""


class Http:
    """Paths are below `/api/v1/`. Every POST carries an Idempotency-Key, so that a repeat has no second effect."""

    def __init__(self, url: str, token: str, timeout: float, transport: httpx.AsyncBaseTransport | None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._client = httpx.AsyncClient(
            base_url=f"{self.url}/api/v1/", headers=headers, timeout=timeout, transport=transport
        )

    async def close(self) -> None:
        """Give the connections up."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: dict[str, Any] | None = None,
        version: int | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        """One answer that is no error. Raises ParleyError. What passes is tried again; not what names a `version` (it
        becomes If-Match) and may have arrived: the repeat would be refused for our own change."""
        headers = {}
        if version is not None:
            headers["If-Match"] = f'"v{version}"'
        if method == "POST":
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        for attempt in range(1, TRIES + 1):
            try:
                answer = await self._client.request(method, path, json=body, params=params, headers=headers)
            except httpx.TransportError as error:
                if attempt == TRIES or not (version is None or isinstance(error, UNSENT)):
                    raise ParleyError(0, "unreachable", f"{self.url} cannot be reached: {error!r}") from error
                await pause(attempt)
                continue
            if attempt == TRIES or answer.status_code not in (PASSING if version is None else REFUSED):
                break
            await pause(attempt, at_least=_retry_after(answer))
        if answer.is_error:
            raise refusal(answer)
        return answer

    async def json(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The decoded body of `call`."""
        answer = await self.call(method, path, body, **options)
        return answer.json() if answer.content else None

    async def pages(self, path: str, **params: Any) -> AsyncIterator[Any]:
        """Every row of a list, page by page."""
        asked = {name: value for name, value in params.items() if value is not None}
        while True:
            page = await self.json("GET", path, params=asked)
            for row in page["data"]:
                yield row
            if not page["has_more"]:
                return
            asked["cursor"] = page["next_cursor"]


async def pause(attempt: int, at_least: float = 0.0) -> None:
    """Longer from try to try, never all clients at once."""
    growing = min(LONGEST_PAUSE, 0.1 * 2**attempt)
    await asyncio.sleep(max(at_least, growing * random.uniform(0.5, 1.0)))


def refusal(answer: httpx.Response) -> ParleyError:
    """The problem document of an answer, or what there is instead."""
    try:
        problem = answer.json()
        return ParleyError(answer.status_code, problem["code"], problem["detail"], problem)
    except (ValueError, KeyError, TypeError):
        return ParleyError(answer.status_code, "unexpected", answer.text[:500])


def _retry_after(answer: httpx.Response) -> float:
    given = answer.headers.get("Retry-After", "")
    return min(float(given), LONGEST_PAUSE) if given.isdigit() else 0.0
