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
