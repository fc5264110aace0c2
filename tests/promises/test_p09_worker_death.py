"""P9: the death of a worker in mid-answer keeps the text, but for the last half second, and is seen within 45 s. Before
the first token, another worker answers."""

import signal
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from tests.flow.stack import Browser
from tests.harness.cluster import Cluster
from tests.harness.history import History
from tests.harness.openai_wire import PROMPT_TOKENS
from tests.harness.provider import ScriptedProvider
from tests.harness.scale import scaled
from tests.promises.answers import ENDLESS, SHORT, SILENT, TAKEN_UP, Talk, the_end

SPEAKING = scaled(6)
BEGUN = 40
"""Words that each answer has said when its worker dies."""
MOST_LOST = 0.5
NOISE = 0.15
"""Seconds that an insert and a look at the clock may take on a busy machine."""
TOKENS_OF_SHORT = PROMPT_TOKENS + SHORT.words


class Killed(NamedTuple):
    """Runs whose workers were all killed at one moment: `keeping` and `retrying` had spoken, `silent` had not."""

    cluster: Cluster
    keeping: list[tuple[Talk, str]]
    retrying: tuple[Talk, str]
    silent: tuple[Talk, str]
    at: float
    clock: float
    """The same moment, by the clock of the host, which is the database's."""
    words: list[tuple[float, list[int]]]
    """How many words had been sent to each of `keeping`, moment by moment."""

    def lost(self, which: int, kept: int) -> float:
        """Seconds before the death at which the first word that was not kept had been sent."""
        return max([self.at - moment for moment, words in self.words if words[which] > kept], default=0.0)

    def seen(self, shown: dict[str, Any]) -> float:
        """Seconds after the death at which the run had its end; raises AssertionError where that was too late."""
        took = datetime.fromisoformat(shown["finished_at"]).timestamp() - self.clock
        assert took <= TAKEN_UP, f"{took} s"
        return round(took, 2)


def sampled(talks: list[Talk]) -> list[tuple[float, list[int]]]:
    """How many words each has heard, until all have heard enough."""
    samples: list[tuple[float, list[int]]] = []
    end = time.monotonic() + TAKEN_UP
    while not samples or min(samples[-1][1]) < BEGUN:
        assert time.monotonic() < end, "the answers did not come"
        samples.append((time.monotonic(), [sum(call.words for call in talk.calls) for talk in talks]))
        time.sleep(0.005)  # the pace of the samples
    return samples


@pytest.fixture(scope="module")
def killed(_cluster: Cluster, provider: ScriptedProvider) -> Iterator[Killed]:
    """Every worker is killed at once and started again."""
    _cluster.heal()
    browser = Browser(_cluster.url(), "alice")  # those of the cluster are closed after each test
    silent = Talk(browser, provider, SILENT, SHORT)
    quiet = (silent, silent.ask())
    talks = [Talk(browser, provider, ENDLESS, SHORT) for _ in range(SPEAKING + 1)]
    runs = [talk.ask(on_interrupt="keep" if talk is not talks[-1] else "retry") for talk in talks]
    silent.asked()
    samples = sampled(talks)
    at, clock = time.monotonic(), time.time()
    for worker in _cluster.workers:
        worker.kill(signal.SIGKILL)
    for number in range(len(_cluster.workers)):
        _cluster.kill_worker(number)
    speaking = list(zip(talks, runs, strict=True))
    yield Killed(_cluster, speaking[:-1], speaking[-1], quiet, at, clock, samples)
    browser.client.close()


def asks_again(talk: Talk, run: str, way: str) -> tuple[str, dict[str, Any]]:
    """Begin another run out of this one; its id and how it ended."""
    other = talk.post(f"runs/{run}/{way}/")
    return other, talk.ended(other)


def test_before_the_first_token_another_worker_answers(killed: Killed, history: History, cluster: Cluster) -> None:
    talk, run = killed.silent
    shown = talk.ended(run)
    assert shown["state"] == "completed"
    history.figures("before the first token", seconds=killed.seen(shown))
    assert the_end(cluster, talk.session, run)[:3] == ("run-completed", [SHORT.text], [TOKENS_OF_SHORT])
    assert [call.outcome for call in talk.calls] == ["aborted", "finished"]


def test_in_mid_answer_the_text_is_kept_but_for_half_a_second(
    killed: Killed, history: History, cluster: Cluster
) -> None:
    lost, seen = [], []
    for which, (talk, run) in enumerate(killed.keeping):
        shown = talk.ended(run)
        assert shown["state"] == "interrupted"
        end = the_end(cluster, talk.session, run)
        (text,) = end.texts
        kept = text.count("word")
        assert text == "".join(ENDLESS.word(number) for number in range(kept)), "not what was said"
        assert end.metadata == [{"incomplete": True}]
        assert end.tokens == [shown["prompt_tokens"] + shown["completion_tokens"]], "counted once"
        assert shown["attempt"] == 1, "what was billed is not asked again"
        assert talk.calls[0].outcome == "aborted"
        lost.append(round(killed.lost(which, kept), 3))
        seen.append(killed.seen(shown))
    history.figures("in mid-answer", lost=lost, seen=max(seen))
    assert max(lost) <= MOST_LOST + NOISE, lost


def test_an_interrupted_answer_is_asked_anew_or_gone_on_with(killed: Killed, cluster: Cluster) -> None:
    (again, first), (onward, second) = killed.keeping[:2]
    again.ended(first)
    onward.ended(second)
    retried, shown = asks_again(again, first, "retry")
    assert shown["state"] == "completed"
    assert the_end(cluster, again.session, retried).texts == [SHORT.text]
    continued, shown = asks_again(onward, second, "continue")
    assert shown["state"] == "completed"
    assert the_end(cluster, onward.session, continued).texts == [SHORT.text]
    (kept,) = the_end(cluster, onward.session, second).texts
    told = [(message["role"], message["content"]) for message in onward.calls[-1].body["messages"]]
    assert ("assistant", kept) in told, "the model sees what it is to go on with"
    assert ("assistant", kept) not in [tuple(message.values()) for message in again.calls[-1].body["messages"]]


def test_an_answer_that_may_be_repeated_is_repeated_by_itself(killed: Killed, cluster: Cluster) -> None:
    talk, run = killed.retrying
    assert talk.ended(run)["state"] == "completed"
    assert the_end(cluster, talk.session, run)[:2] == ("run-completed", [SHORT.text])
    assert [call.outcome for call in talk.calls] == ["aborted", "finished"]


def test_nothing_is_left_of_them(killed: Killed, cluster: Cluster) -> None:
    runs = [run for _, run in (*killed.keeping, killed.retrying, killed.silent)]
    for talk, run in (*killed.keeping, killed.retrying, killed.silent):
        talk.ended(run)
    with cluster.connect() as database:
        left = database.execute("SELECT count(*) FROM sessions_app_runchunk WHERE run = ANY(%s::uuid[])", [runs])
        assert left.fetchone() == (0,)
    assert "The rows are the same as before." in cluster.manage("replay", "--check")
