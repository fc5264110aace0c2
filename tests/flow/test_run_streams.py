"""The stream of a run: its text from the beginning, what is recorded of it, its end; cut off anywhere, nothing is lost
and nothing comes twice."""

from collections.abc import Iterable
from typing import Any

from tests.flow.event_streams import Said, stream_of
from tests.flow.stack import Browser, Stack, wait_until

TEXT = "Zwölf Boxkämpfer 🥊 jagen Viktor quer über den großen Sylter Deich 👩‍👩‍👧‍👧. " * 6


def session_with(browser: Browser, **options: Any) -> str:
    config = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0.02, "text": TEXT, **options}}
    return browser.new_session(config=config)


def run_of(browser: Browser, run: str) -> dict[str, Any]:
    shown: dict[str, Any] = browser.call("GET", f"runs/{run}/").json()
    return shown


class Client:
    """Keeps what a careful program keeps: the events, the last id, the text so far."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.text = ""
        self.last = ""

    def take(self, stream: Iterable[Said], most_deltas: int = 10**6) -> None:
        """Until the stream ends, or so many deltas have come."""
        for said in stream:
            if said.kind == "run-delta":
                assert said.ident == ""
                offset = said.data["offset"]
                assert offset <= len(self.text), "a hole in the text"
                self.text = self.text[:offset] + said.data["text"]
                most_deltas -= 1
            else:
                self.events.append(said.data)
                self.last = said.ident
            if most_deltas == 0:
                return

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


def test_an_answer_that_is_cut_off_again_and_again_arrives_whole_and_once(stack: Stack) -> None:
    browser, elsewhere = stack.login("alice"), stack.login("alice", 1)
    session = session_with(browser)
    client, cuts, status = Client(), 0, 201
    with stream_of(browser, f"sessions/{session}/runs/", {"input": "go", "stream": True}) as reader:
        assert reader.answer.status_code == status
        run = reader.answer.headers["location"].rstrip("/").rpartition("/")[2]
        client.take(reader, most_deltas=2)
    while client.types[-1] != "run-completed":
        where = (browser, elsewhere)[cuts % 2]
        cuts += 1
        with stream_of(where, f"runs/{run}/stream/", Last_Event_ID=client.last) as reader:
            client.take(reader, most_deltas=1 if cuts < 4 else 10**6)
    assert cuts == 4
    assert [kind for kind in client.types if kind != "token-metrics-updated"] == [
        "run-requested",
        "run-started",
        "message-added",
        "run-completed",
    ]
    versions = [event["version"] for event in client.events]
    assert versions == sorted(set(versions))
    said = client.events[2]["data"]["content"][0]["text"]
    assert said == "[echo] " + TEXT
    assert said.startswith(client.text)
    with stream_of(browser, f"runs/{run}/stream/", Last_Event_ID=client.last) as reader:
        assert reader.answer.status_code == 204
    late = Client()
    with stream_of(browser, f"runs/{run}/stream/") as reader:
        late.take(reader)
    assert (late.events, late.text) == (client.events, "")


def test_who_leaves_may_take_the_run_along(stack: Stack) -> None:
    browser = stack.login("alice")
    session = session_with(browser, text="word " * 500)
    wanted = {"input": "go", "stream": True}
    runs = []
    for on_disconnect in ("cancel", "continue"):
        body = {**wanted, "on_disconnect": on_disconnect}
        with stream_of(browser, f"sessions/{session}/runs/", body, Idempotency_Key=on_disconnect) as reader:
            reader.until("run-delta")
            runs.append(reader.answer.headers["location"].rstrip("/").rpartition("/")[2])
        if on_disconnect == "cancel":
            wait_until(lambda: run_of(browser, runs[0])["finished_at"], what="the end of the run")
    assert run_of(browser, runs[0])["finish_reason"] == "cancelled"
    with stream_of(browser, f"sessions/{session}/runs/", body, Idempotency_Key="continue") as reader:
        assert reader.answer.status_code == 200
        assert reader.answer.headers["location"].endswith(f"{runs[1]}/")
        reader.until("run-delta")
        assert run_of(browser, runs[1])["cancel_requested"] is False
        assert browser.call("POST", f"runs/{runs[1]}/cancel/", {}).status_code == 200
        assert [said.kind for said in reader][-1] == "run-incomplete"
