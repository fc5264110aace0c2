"""Event streams, read over HTTP: what is recorded arrives, once and in order, however often the reader is cut off."""

from tests.flow.event_streams import stream_of
from tests.flow.stack import Stack


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
