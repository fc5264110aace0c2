"""Event streams, read over HTTP: what is recorded arrives, once and in order, however often the reader is cut off."""

import os
from contextlib import ExitStack

import httpx

from config.answers import STREAMS_PER_USER
from tests.flow.event_streams import stream_of
from tests.flow.stack import Stack


class WithToken:
    """A program with a token, and no cookies."""

    def __init__(self, url: str, token: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=30, headers={"Authorization": f"Bearer {token}"})


def threads_and_connections(stack: Stack) -> tuple[int, int]:
    """How many threads the first web has, and how many connections there are to the stack's database."""
    process = stack.webs[0].process
    assert process is not None
    with stack.connect() as database:
        row = database.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [stack.database]).fetchone()
    return len(os.listdir(f"/proc/{process.pid}/task")), int(row[0]) if row else 0


def test_a_session_is_followed_and_resumed_by_the_last_id(stack: Stack) -> None:
    browser, elsewhere = stack.login("alice"), stack.login("alice", 1)
    session = browser.new_session()
    browser.say(session, "one")
    with stream_of(browser, f"sessions/{session}/events/") as reader:
        assert reader.answer.status_code == 200
        assert reader.answer.headers["content-type"] == "text/event-stream"
        assert reader.answer.headers["cache-control"] == "no-store"
        assert reader.answer.headers["x-accel-buffering"] == "no"
        assert "content-length" not in reader.answer.headers
        first = reader.until("message-added")
        assert [(said.kind, said.ident) for said in first] == [("session-created", "1"), ("message-added", "2")]
        assert reader.retry == 2000
        elsewhere.say(session, "two")
        assert [said.data["version"] for said in reader.until("message-added")] == [3]
    browser.say(session, "three")
    with stream_of(elsewhere, f"sessions/{session}/events/?after=0", Last_Event_ID="3") as reader:
        assert [said.ident for said in reader.until("message-added")] == ["4"]
    with stream_of(browser, f"sessions/{session}/events/?after=99") as reader:
        assert next(iter(reader)) == ("reset", {"head": 4}, "4")
        browser.say(session, "four")
        assert [said.ident for said in reader.until("message-added")] == ["5"]


def test_a_stream_ends_with_the_login_and_with_the_session(stack: Stack) -> None:
    browser = stack.login("alice")
    session = browser.new_session()
    with stream_of(browser, f"sessions/{session}/events/?after=1") as reader:
        answer = browser.call("DELETE", f"sessions/{session}/", if_match="*")
        assert answer.status_code == 204
        assert [said.kind for said in reader] == ["session-deleted"]
    session = browser.new_session()
    with stream_of(browser, f"sessions/{session}/events/?after=1") as reader:
        form = {"csrfmiddlewaretoken": browser.client.cookies["csrftoken"]}
        assert browser.client.post("/logout/", data=form).status_code == 302
        assert list(reader) == []
        assert "Your login has ended" in reader.comments[-1]


def test_all_ones_sessions_are_followed_by_position_and_nobody_elses(stack: Stack) -> None:
    browser, bob = stack.login("alice"), stack.login("bob", 1)
    first, theirs = browser.new_session(), bob.new_session()
    after = browser.call("GET", "events/?limit=1").json()["head"]
    position, seen = "", []
    for number in range(3):  # cut off after each
        with stream_of(browser, f"events/?topics=message-*&after={after}", Last_Event_ID=position) as reader:
            bob.say(theirs, "private")
            browser.say(first, f"{number} a")
            browser.say(second := browser.new_session(), f"{number} b")
            told = [*reader.until("message-added"), *reader.until("message-added")]
            assert [one.data["session_id"] for one in told] == [first, second]
            assert [one.ident for one in told] == [str(one.data["position"]) for one in told]
            seen += [one.data["data"]["content"][0]["text"] for one in told]
            position = told[-1].ident
    assert seen == ["0 a", "0 b", "1 a", "1 b", "2 a", "2 b"]
    with stream_of(browser, f"events/?after={10**12}") as reader:
        said = next(iter(reader))
        assert (said.kind, said.ident) == ("reset", str(said.data["head"]))


def test_streams_hold_no_threads_and_no_connections_and_are_bounded_for_each_user(stack: Stack) -> None:
    bob = stack.login("bob")
    path = f"sessions/{bob.new_session()}/events/"
    with stream_of(bob, path) as reader:
        reader.until("session-created")
    before = threads_and_connections(stack)
    with ExitStack() as opened:
        readers = [opened.enter_context(stream_of(bob, path)) for _ in range(STREAMS_PER_USER)]
        for reader in readers:
            reader.until("session-created")
        assert all(now - then < 16 for now, then in zip(threads_and_connections(stack), before, strict=True))
        with stream_of(bob, path) as refused:
            assert (refused.answer.status_code, refused.answer.json()["code"]) == (429, "rate-limited")
            assert refused.answer.headers["retry-after"] == "1"


def test_a_program_follows_with_its_token_until_that_is_revoked(stack: Stack) -> None:
    browser = stack.login("alice")
    path = f"sessions/{browser.new_session()}/events/"
    token = browser.call("POST", "tokens/", {"name": "a program", "scopes": ["sessions:read"]}).json()
    program = WithToken(browser.url, token["token"])
    with program.client, stream_of(program, path) as reader:
        reader.until("session-created")
        assert browser.call("DELETE", f"tokens/{token['id']}/").status_code == 204
        assert list(reader) == []
        with stream_of(program, path) as refused:
            assert refused.answer.status_code == 401
