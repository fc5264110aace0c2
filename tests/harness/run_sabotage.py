"""A plugin that switches off one mechanism of runs or graphs, named by SABOTAGE: for `tests.promises.mutants` only."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any
from unittest.mock import patch

from bus.live.feed import Feed
from bus.messages import changed
from bus.work import lease, runner
from sessions_app.handlers import graphs
from sessions_app.llm import chunks
from sessions_app.llm.providers import sse
from sessions_app.orchestration import graph as rules
from sessions_app.orchestration import starting, steps


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


def no_going_on() -> None:
    """When a node's run ends, nothing follows in its graph."""
    _put(steps.Step, "run_ended", lambda self, node: iter(()))


def no_joins() -> None:
    """Nodes wait for nobody."""
    _put(rules, "verdict", lambda join, on_failure, tally: "ready")


def no_repetition() -> None:
    """Nodes keep what was said when their worker died, whatever they were told."""
    wanted = starting._wanted
    _put(starting, "_wanted", lambda *of: changed(wanted(*of), on_interrupt="keep"))


def no_slots() -> None:
    """All that is ready begins, however many run."""
    started = rules.started
    _put(rules, "started", lambda view, first, slots, most, start: started(view, view.ready(most), most, most, start))


def no_memory() -> None:
    """Who tries a graph again does not look at what has succeeded."""
    _put(graphs, "_chosen", lambda nodes, keys: [node.id for node in nodes])


KINDS: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        *(no_fence, no_goodbye, no_end_of_tries, no_greeting, no_rest, no_handover),
        *(no_going_on, no_joins, no_repetition, no_slots, no_memory),
    )
}

KINDS[os.environ["SABOTAGE"]]()
