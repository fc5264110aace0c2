"""P16: overload is refused, not absorbed. Ten times as many POSTs as the web works on are stored or refused with 503;
memory stays flat, and whatever was accepted is there and is done."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

from tests.flow.stack import Browser, Stack, wait_until
from tests.harness.footprint import footprint
from tests.harness.history import History, check_log
from tests.harness.scale import scaled

CLIENTS = 80
"""Ten times the MAX_CONCURRENT_REQUESTS of `tight`; each sends its next request as soon as it has an answer."""
SECONDS = scaled(4)
GROWTH = 20 * 1024
"""KiB: threads that were not there before the load keep stacks and connections."""
PADDING = "x" * 2_000
REFUSALS = {429: "rate-limited", 503: "unavailable"}

_STATES = "SELECT state, count(*) FROM bus_work WHERE session = %s GROUP BY state"


class Crowd:
    """Posts messages, and every fourth time a command for the workers; what is refused is not tried again."""

    def __init__(self, browser: Browser, history: History) -> None:
        self.browser = browser
        self.messages, self.commands = browser.new_session(), browser.new_session()
        self.history = history

    def overload(self, seconds: float) -> Counter[int]:
        """All at once, for so long; how often each status was answered."""
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(CLIENTS) as pool:
            return sum(pool.map(partial(self._hammer, end), range(CLIENTS)), Counter[int]())

    def _hammer(self, end: float, client: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        turn = 0
        while time.monotonic() < end:
            turn += 1
            statuses[(self._command if turn % 4 == 0 else self._message)(f"{client}-{turn}")] += 1
        return statuses

    def _message(self, key: str) -> int:
        key = f"{self.messages}-{key}"
        body = {"content": key, "metadata": {"padding": PADDING}}
        answer = self.browser.call("POST", f"sessions/{self.messages}/messages/", body)
        if answer.status_code == 201:
            self.history.ok(key, answer.json()["id"], answer.elapsed.total_seconds())
        else:
            check_refusal(answer)
        return answer.status_code

    def _command(self, key: str) -> int:
        body = {"name": "add-message", "payload": {"session_id": self.commands, "content": key}}
        answer = self.browser.call("POST", "commands/", body, Prefer="respond-async")
        if answer.status_code != 202:
            check_refusal(answer)
        return answer.status_code


def check_refusal(answer: httpx.Response) -> None:
    """A problem document that says when to come again."""
    assert answer.status_code in REFUSALS, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == REFUSALS[answer.status_code]
    assert int(answer.headers["retry-after"]) >= 1


def test_what_is_too_much_is_refused_and_what_is_accepted_is_done(tight: Stack, history: History) -> None:
    browser = tight.login("alice")
    Crowd(browser, history).overload(1)  # threads, connections and buffers are there after it
    crowd, before = Crowd(browser, history), footprint(tight.webs[0]).kibibytes
    statuses = crowd.overload(SECONDS)
    grown = footprint(tight.webs[0]).kibibytes - before
    history.note("info", "figures", statuses={str(key): count for key, count in statuses.items()}, grown=grown)
    assert statuses[503] + statuses[429] > CLIENTS, "nothing was refused: the overload was absorbed"
    assert statuses[201] + statuses[202] > CLIENTS // 4, "hardly anything was accepted"
    assert grown <= GROWTH, f"the web grew by {grown} KiB"
    with tight.connect() as database:
        wanted = {"done": statuses[202]}
        done = lambda: dict(database.execute(_STATES, [crowd.commands]).fetchall()) == wanted  # noqa: E731
        wait_until(done, what=f"the end of {statuses[202]} commands")
        check_log(history, rows(database, crowd.messages), prefix=crowd.messages)
        assert len(rows(database, crowd.commands)) == 1 + statuses[202]


def rows(database: Any, session: str) -> list[tuple[int, str | None, str | None]]:
    """(version, message id, text) of every event of a session, by version."""
    query = (
        "SELECT version, data->>'message_id', data#>>'{content,0,text}' FROM bus_storedevent"
        " WHERE stream = %s ORDER BY version"
    )
    return [(row[0], row[1], row[2]) for row in database.execute(query, [session]).fetchall()]
