"""Redis may vanish in mid-answer, be wiped or stand still: the message is complete all the same, and who reloads
meanwhile is shown the text so far."""

import asyncio
from collections.abc import Callable

from tests.flow.sockets import receive, socket_to
from tests.harness.cluster import Cluster
from tests.harness.openai_wire import Script
from tests.harness.provider import ScriptedProvider
from tests.promises.answers import Talk, the_end

ANSWER = Script(words=350, pause=0.02)
SHOWN_WITHIN = 3.0
FAULTS: dict[str, Callable[[Cluster], None]] = {
    "wiped": Cluster.flush_redis,
    "frozen": lambda cluster: cluster.redis_proxy.black_hole(),
    "killed": Cluster.kill_redis,
}


async def reloaded(cluster: Cluster, talk: Talk, expected: str) -> None:
    """Come anew, to a web that may know nothing of the answer; return once the text so far was shown."""
    for number in range(len(cluster.webs)):
        assembled = ""
        async with asyncio.timeout(SHOWN_WITHIN):
            while not assembled.startswith(expected):  # what has just been said may not be stored yet: again
                assembled = await shown(cluster, talk, number)
                assert ANSWER.text.startswith(assembled)


async def shown(cluster: Cluster, talk: Talk, number: int) -> str:
    """The text in the first delta that a reload is given."""
    async with socket_to(cluster.browser(number), f"/ws/sessions/{talk.session}/?after=0") as socket:
        while True:
            frame = await receive(socket)
            if "notice" in frame:
                assert frame["notice"]["offset"] == 0
                return str(frame["notice"]["text"])


def test_an_answer_needs_no_redis_and_neither_does_a_reload(cluster: Cluster, provider: ScriptedProvider) -> None:
    browser = cluster.browser()
    talk = Talk(browser, provider, ANSWER)
    run = talk.ask()
    for fault in FAULTS.values():
        call = talk.speaks(talk.calls[0].words + 20 if talk.calls else 20)
        fault(cluster)
        said = "".join(ANSWER.word(number) for number in range(call.words))
        asyncio.run(reloaded(cluster, talk, said))
        cluster.heal()
    assert talk.calls[0].outcome == "open", "the answer ended too soon to prove anything"
    assert talk.ended(run)["state"] == "completed"
    assert the_end(cluster, talk.session, run).texts == [ANSWER.text]
    assert [call.outcome for call in talk.calls] == ["finished"]
