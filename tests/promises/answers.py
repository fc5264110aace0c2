"""Answers that come over the wire as a script says: sessions whose model is a ScriptedProvider, what they asked of it,
and what became of their runs in the log."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

from tests.flow.stack import Browser, Process, Stack, wait_until
from tests.harness.cluster import Cluster
from tests.harness.openai_wire import Script
from tests.harness.provider import Call, ScriptedProvider

ENDED = frozenset({"completed", "incomplete", "failed", "cancelled", "interrupted"})
LEASE = 3
"""Seconds; the clusters' (see conftest)."""
TAKEN_UP = LEASE + 15.0
"""Seconds from a worker's death to what it did not end being ended: 45 with the leases of every day, 30 s."""
SHORT = Script(words=5)
ENDLESS = Script(words=2000, pause=0.02)
SILENT = Script(first=300.0)
_OWNER = "SELECT owner FROM bus_work WHERE id = %s AND state = 'running'"
_LOG = "SELECT type, data FROM bus_storedevent WHERE stream = %s ORDER BY version"
_STORED = "SELECT coalesce(string_agg(text, '' ORDER BY attempt, seq), '') FROM sessions_app_runchunk WHERE run = %s"


@dataclass(frozen=True)
class Pieces(Script):
    """An answer of these pieces and no others."""

    said: tuple[str, ...] = ()

    @classmethod
    def of(cls, *said: str, pause: float = 0.0) -> "Pieces":
        """With so many seconds between them."""
        return cls(words=len(said), pause=pause, said=said)

    def word(self, number: int) -> str:
        """One piece of it."""
        return self.said[number]


class End(NamedTuple):
    """How a run ended: the event's type, the assistant's messages, the tokens that were counted, time by time."""

    type: str
    texts: list[str]
    tokens: list[int]
    metadata: list[dict[str, Any]]


class Talk:
    """A session whose model does as the scripts say, one for each call, the last one for all that follow."""

    def __init__(self, browser: Browser, provider: ScriptedProvider, *scripts: Script, **config: Any) -> None:
        self.browser = browser
        self.model = f"scripted-{uuid4()}"
        self._provider = provider
        provider.script(self.model, *scripts)
        self.session = browser.new_session(config={"provider": "openai", "model": self.model, **config})

    @property
    def calls(self) -> list[Call]:
        """What the provider was asked for it."""
        return [call for call in tuple(self._provider.calls) if call.body["model"] == self.model]

    def post(self, path: str, body: Any = None, **headers: str) -> str:
        """Begin a run by one of the addresses that do; its id."""
        answer = self.browser.call("POST", path, body or {}, **headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def ask(self, **more: Any) -> str:
        """Ask for an answer to a new message; the run's id."""
        return self.post(f"sessions/{self.session}/runs/", {"input": "go", **more})

    def run(self, run: str) -> dict[str, Any]:
        """The run as REST shows it."""
        shown: dict[str, Any] = self.browser.call("GET", f"runs/{run}/").json()
        return shown

    def ended(self, run: str, deadline: float = TAKEN_UP) -> dict[str, Any]:
        """The run, once it has ended."""

        def over() -> dict[str, Any] | None:
            shown = self.run(run)
            return shown if shown["state"] in ENDED else None

        found: dict[str, Any] = wait_until(over, deadline=deadline, what=f"the end of the run {run}")
        return found

    def speaks(self, words: int = 1, call: int = 0) -> Call:
        """The call, once so many words of its answer were sent."""

        def spoken() -> Call | None:
            calls = self.calls
            return calls[call] if len(calls) > call and calls[call].words >= words else None

        found: Call = wait_until(spoken, what=f"{words} words of an answer")
        return found

    def asked(self, calls: int = 1) -> None:
        """Return once the provider was called so often."""
        wait_until(lambda: len(self.calls) >= calls, what=f"{calls} calls of the provider")


def stored(stack: Stack, run: str) -> str:
    """What is stored of a growing answer."""
    with stack.connect() as database:
        row = database.execute(_STORED, [run]).fetchone()
    assert row is not None
    return str(row[0])


def owner(cluster: Cluster, run: str) -> Process:
    """The worker that has the run, once one has."""
    with cluster.connect() as database:
        row = wait_until(lambda: database.execute(_OWNER, [run]).fetchone(), what="a worker taking the run up")
    return cluster.worker_with(int(row[0].rpartition(":")[2]))


def closed(call: Call, deadline: float) -> None:
    """Return once a call is over; one that had not ended by itself, because the client has closed its connection."""
    wait_until(partial(_is_over, call), deadline=deadline, what="the end of the provider's call")


def _is_over(call: Call) -> bool:
    return call.outcome != "open"


def log_of(stack: Stack, session: str) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of every event of a session."""
    with stack.connect() as database:
        return [(row[0], row[1]) for row in database.execute(_LOG, [session]).fetchall()]


def the_end(stack: Stack, session: str, run: str) -> End:
    """How a run ended. Raises AssertionError where it did not, or twice, or went on after its end."""
    events = [(kind, data) for kind, data in log_of(stack, session) if data.get("run_id") == run]
    ends = [kind for kind, _ in events if kind.removeprefix("run-") in ENDED]
    assert len(ends) == 1, f"not one end: {[kind for kind, _ in events]}"
    assert events[-1][0] == ends[0], f"something came after the end: {[kind for kind, _ in events]}"
    said = [data for kind, data in events if kind == "message-added" and data["role"] == "assistant"]
    counted = [data for kind, data in events if kind == "token-metrics-updated"]
    return End(
        type=ends[0],
        texts=[data["content"][0].get("text", "") for data in said],
        tokens=[data["prompt_tokens"] + data["completion_tokens"] for data in counted],
        metadata=[data.get("metadata") or {} for data in said],
    )
