"""P12: a cancel from another web wins or loses, once, within two seconds, with Redis or without: the provider's
connection is closed within one, what was said is kept, no token comes after the end."""

import asyncio
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser
from tests.harness.cluster import Cluster
from tests.harness.history import History
from tests.harness.nemesis import chosen_seed
from tests.harness.openai_wire import Script
from tests.harness.provider import ScriptedProvider
from tests.harness.scale import scaled
from tests.promises.answers import ENDLESS, Talk, closed, stored, the_end

CANCELS = scaled(20)
AT_ONCE = 10
ANSWER = Script(words=40, pause=0.02, first=0.1)
ENDED_WITHIN, CLOSED_WITHIN = 2.0, 1.0
ENDS = {"run-completed", "run-incomplete", "run-cancelled"}


class Cancelled(NamedTuple):
    """One run and the moments that count, in seconds after the cancel was asked for."""

    talk: Talk
    run: str
    status: int
    ended: float


def cancel(elsewhere: Browser, talk: Talk, run: str) -> Cancelled:
    """Ask for its end at another web; returns when it has come, and the provider's connection is closed."""
    asked = time.monotonic()
    answer = elsewhere.call("POST", f"runs/{run}/cancel/", {})
    assert answer.status_code == 200 or answer.json()["code"] == "run-ended", answer.text
    for call in talk.calls:
        closed(call, CLOSED_WITHIN)
    talk.ended(run, ENDED_WITHIN - (time.monotonic() - asked))
    return Cancelled(talk, run, answer.status_code, time.monotonic() - asked)


def cancel_after(elsewhere: Browser, talk: Talk, words: int, pause: float) -> Cancelled:
    """Ask for an answer, and for its end after so many words and seconds: at once, while it speaks, as it ends."""
    run = talk.ask()
    if words:
        talk.speaks(words)
    time.sleep(pause)  # the moment that is tried
    return cancel(elsewhere, talk, run)


def check(cluster: Cluster, cancelled: Cancelled) -> str:
    """It has won or lost, and what it left behind is as it must be; the end it came to."""
    talk, run = cancelled.talk, cancelled.run
    end = the_end(cluster, talk.session, run)
    assert end.type in ENDS
    calls = Counter(call.outcome for call in talk.calls)
    if end.type == "run-completed":
        assert (end.texts, end.metadata, calls) == ([ANSWER.text], [{}], {"finished": 1})
    else:
        assert cancelled.status == 200, "it was told that the cancel came too late"
        assert set(calls) <= {"aborted", "finished"}
        assert calls.total() <= 1
        said = "".join(end.texts)
        assert ENDLESS.text.startswith(said)
        assert bool(said) == (end.type == "run-incomplete")
        assert end.metadata == [{"incomplete": True}] * len(end.texts)
        assert sum(call.words for call in talk.calls) >= said.count("word")
    assert stored(cluster, run) == ""
    return end.type


def test_a_cancel_wins_or_loses_once(cluster: Cluster, provider: ScriptedProvider, history: History) -> None:
    chance = random.Random(chosen_seed())
    here, elsewhere = cluster.browser(0), cluster.browser(1)
    words = [number * ANSWER.words // (CANCELS - 1) for number in range(CANCELS)]
    moments = [(each, chance.uniform(0, 0.04)) for each in chance.sample(words, CANCELS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(cancel_after, elsewhere, Talk(here, provider, ANSWER), *each) for each in moments]
        cancelled = [done.result() for done in asked]
    ends = Counter(map(partial(check, cluster), cancelled))
    history.figures("cancels", **ends, slowest=round(max(each.ended for each in cancelled), 3))
    assert ends["run-incomplete"] >= CANCELS // 3, "too few of them came while an answer was under way"


def test_without_redis_a_cancel_is_as_quick(cluster: Cluster, provider: ScriptedProvider, history: History) -> None:
    here, elsewhere = cluster.browser(0), cluster.browser(1)
    talks = [Talk(here, provider, ENDLESS) for _ in range(AT_ONCE)]
    runs = [talk.ask() for talk in talks]
    for talk in talks:
        talk.speaks(10)
    cluster.redis_proxy.black_hole()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cancelled = list(pool.map(partial(cancel, elsewhere), talks, runs))
    assert [check(cluster, each) for each in cancelled] == ["run-incomplete"] * AT_ONCE
    history.figures("cancels without Redis", slowest=round(max(each.ended for each in cancelled), 3))


def test_no_token_comes_after_the_end(cluster: Cluster, provider: ScriptedProvider) -> None:
    here, elsewhere = cluster.browser(0), cluster.browser(1)
    talk = Talk(here, provider, ENDLESS)

    async def watch() -> tuple[str, list[str]]:
        shown, after, ended = "", list[str](), False
        async with socket_to(here, f"/ws/sessions/{talk.session}/?after=0") as socket:
            run = await asyncio.to_thread(talk.ask)
            while True:
                frame = await receive(socket)
                kind = frame.get("event", {}).get("type", "")
                if "notice" in frame and ended:
                    after.append(frame["notice"]["text"])
                elif "notice" in frame:
                    if not shown:
                        await asyncio.to_thread(elsewhere.call, "POST", f"runs/{run}/cancel/", {})
                    shown += frame["notice"]["text"][len(shown) - frame["notice"]["offset"] :]
                elif kind == "run-incomplete":
                    ended = True
                    await asyncio.to_thread(elsewhere.say, talk.session, "the last word")
                elif kind == "message-added" and ended:
                    return shown, after

    shown, after = asyncio.run(watch())
    assert after == []
    (call,) = talk.calls
    closed(call, CLOSED_WITHIN)
    (run,) = (row["id"] for row in here.call("GET", f"sessions/{talk.session}/runs/").json()["data"])
    assert the_end(cluster, talk.session, run).texts == [shown], "what was shown is what is kept"
