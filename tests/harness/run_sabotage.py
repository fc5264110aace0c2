"""A plugin that switches off one mechanism of the runs, named by SABOTAGE: for `tests.promises.mutants` only."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any
from unittest.mock import patch

from bus.live.feed import Feed
from bus.work import lease, runner
from sessions_app.llm import chunks
from sessions_app.llm.providers import sse


def _put(owner: Any, name: str, value: Any) -> None:
    patch.object(owner, name, value).start()  # for the life of the process


def no_fence() -> None:
    """An answer may be written by whoever once had its run."""
    for name in ("_HOLD", "_FINISH", "_RELEASE"):
        _put(lease, name, getattr(lease, name).replace("fence = %s", "fence >= %s"))
    _put(lease, "_RENEW", lease._RENEW.replace("USING (id, fence)", "USING (id)"))
    _put(chunks, "_INSERT", chunks._INSERT.replace("w.fence = c.fence", "w.fence >= c.fence"))


def no_goodbye() -> None:
    """Nobody tells an answer that its run was lost."""
    stop = runner.stop
    _put(runner, "stop", lambda works, why: None if why == "lost" else stop(works, why))


def no_end_of_tries() -> None:
    """What kills its worker is tried for ever."""
    _put(lease, "_CLAIM", lease._CLAIM.replace("AND attempts < max_attempts", ""))
    _put(lease, "_EXHAUSTED", lease._EXHAUSTED.replace("attempts >= max_attempts", "false"))


def no_greeting() -> None:
    """Who comes in mid-answer is given what is said from now on, without what was said before."""
    _put(Feed, "greet", lambda self, subscription: None)


def no_rest() -> None:
    """What a provider sends is read piece by piece, as if each were whole."""
    events = sse.events

    async def hasty(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            async for data in events(_only(piece)):
                yield data

    async def _only(piece: bytes) -> AsyncIterator[bytes]:
        yield piece

    _put(sse, "events", hasty)


def no_handover() -> None:
    """A worker that ends leaves its answers to their leases."""
    _put(runner, "drain", lambda patience, after: None)


KINDS: dict[str, Callable[[], None]] = {
    made.__name__: made for made in (no_fence, no_goodbye, no_end_of_tries, no_greeting, no_rest, no_handover)
}

KINDS[os.environ["SABOTAGE"]]()
