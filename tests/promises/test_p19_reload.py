"""P19, over the wire: whoever reloads at the boundary of a delta, at this web or that, ends with the same text."""

import asyncio
import random
import time
from typing import NamedTuple

import pytest

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser
from tests.harness.cluster import Cluster
from tests.harness.history import History
from tests.harness.nemesis import chosen_seed
from tests.harness.provider import ScriptedProvider
from tests.harness.scale import scaled
from tests.promises.answers import Pieces, Talk, the_end

DELTAS = min(scaled(50), 200)
PAUSE = 0.05
"""Longer than deltas are put together for: each piece is a delta of its own."""
ALPHABET = "abc éß\u0301\u200d☃🥊𝄞👩\n"
LATE = 1.5
"""Seconds before the end: who comes later may be given the message before the text that led to it."""


class Seen(NamedTuple):
    """What one reader was given: the text put together, the message, when it came, in how many deltas."""

    assembled: str
    final: str
    since: float
    deltas: int


async def read(browser: Browser, talk: Talk, reload: "asyncio.Queue[int] | None" = None) -> Seen:
    """Follow the answer to its end."""
    since, assembled, deltas = time.monotonic(), "", 0
    async with socket_to(browser, f"/ws/sessions/{talk.session}/?after=0") as socket:
        while True:
            frame = await receive(socket)
            if "notice" in frame:
                offset, text = frame["notice"]["offset"], frame["notice"]["text"]
                assert offset <= len(assembled), "a hole in the text"
                assembled += text[len(assembled) - offset :]
                deltas += 1
                if reload is not None:
                    reload.put_nowait(deltas)
            elif frame.get("event", {}).get("type") == "message-added" and frame["event"]["data"]["run_id"]:
                return Seen(assembled, frame["event"]["data"]["content"][0]["text"], since, deltas)


@pytest.mark.timeout(120)
def test_a_reload_at_every_delta_gives_the_same_text(
    cluster: Cluster, provider: ScriptedProvider, history: History
) -> None:
    chance = random.Random(chosen_seed())
    said = ["".join(chance.choices(ALPHABET, k=chance.randint(1, 12))) for _ in range(DELTAS)]
    here, elsewhere = cluster.browser(0), cluster.browser(1)
    talk = Talk(here, provider, Pieces.of(*said, pause=PAUSE))

    async def watch() -> tuple[Seen, list[Seen], str]:
        boundaries: asyncio.Queue[int] = asyncio.Queue()
        first = asyncio.create_task(read(here, talk, boundaries))
        run = await asyncio.to_thread(talk.ask)
        late: list[asyncio.Task[Seen]] = []
        while not first.done() or not boundaries.empty():
            getting = asyncio.ensure_future(boundaries.get())
            await asyncio.wait((first, getting), return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                late.append(asyncio.create_task(read((here, elsewhere)[getting.result() % 2], talk)))
            getting.cancel()
        return await first, await asyncio.gather(*late), run

    first, late, run = asyncio.run(watch())
    end, text = time.monotonic(), "".join(said)
    assert the_end(cluster, talk.session, run).texts == [text]
    assert (first.assembled, first.final) == (text, text)
    assert {seen.final for seen in late} == {text}
    early = [seen for seen in late if end - seen.since > LATE]
    history.figures("reloads", deltas=first.deltas, reloads=len(late), early=len(early))
    assert first.deltas >= DELTAS // 2
    assert len(early) >= len(late) // 3
    assert {seen.assembled for seen in early} == {text}
    assert all(text.startswith(seen.assembled) for seen in late)
