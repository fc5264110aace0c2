"""`sessions/{id}/events/`: the log in pages."""

from datetime import datetime
from typing import Any

import pytest

from bus import topics
from bus.models import StoredEvent
from tests.api.caller import Caller, problem


def test_the_log_is_read_in_pages_after_a_version(api: Caller, session: str) -> None:
    for number in range(4):
        api.say(session, f"m{number}")
    seen: list[int] = []
    after, more = 0, True
    while more:
        answer = api.get(f"sessions/{session}/events/?after={after}&limit=2")
        page = answer.json()
        assert (page["head"], answer["ETag"]) == (5, '"v5"')
        seen += [event["version"] for event in page["data"]]
        after, more = page["next_after"], page["has_more"]
    assert seen == [1, 2, 3, 4, 5]


def test_an_event_is_shown_in_its_envelope(api: Caller, session: str) -> None:
    said = api.post(f"sessions/{session}/messages/", {"content": "hi"}, x_request_id="my-request")
    (event,) = api.get(f"sessions/{session}/events/?after=1").json()["data"]
    assert event.keys() == {
        *("id", "type", "schema", "session_id", "version", "position", "recorded_at"),
        *("actor", "causation_id", "correlation_id", "data"),
    }
    assert (event["type"], event["schema"], event["version"]) == ("message-added", 1, 2)
    assert event["session_id"] == session
    assert event["actor"]["type"] == "user"
    assert event["correlation_id"] == "my-request" == said["X-Request-ID"]
    assert event["data"]["content"] == [{"type": "text", "text": "hi"}]
    assert datetime.fromisoformat(event["recorded_at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("types", "versions"),
    [
        ("message-*", [2, 4]),
        ("session-created", [1]),
        ("session:updated", [3]),
        ("session.*", [1, 3]),
        ("session-updated,message-added", [2, 3, 4]),
        ("*", [1, 2, 3, 4]),
        ("", [1, 2, 3, 4]),
        ("run-*", []),
        ("*-added,", [2, 4]),
    ],
)
def test_types_are_patterns(api: Caller, session: str, types: str, versions: list[int]) -> None:
    api.say(session)
    api.patch(f"sessions/{session}/", {"title": "t"}, if_match="*")
    api.say(session)
    page = api.get(f"sessions/{session}/events/?types={types}").json()
    assert [event["version"] for event in page["data"]] == versions
    assert (page["next_after"], page["has_more"]) == (4, False)


def test_a_page_of_unwanted_events_still_leads_on(api: Caller, session: str) -> None:
    for _ in range(3):
        api.say(session)
    page = api.get(f"sessions/{session}/events/?types=run-*&limit=2").json()
    assert (page["data"], page["next_after"], page["has_more"]) == ([], 2, True)


def test_at_the_head_there_is_nothing(api: Caller, session: str) -> None:
    page = api.get(f"sessions/{session}/events/?after=1").json()
    assert (page["data"], page["has_more"], page["head"]) == ([], False, 1)


@pytest.mark.parametrize("after", [0, 1, 6, 10**17])
def test_who_needs_what_was_pruned_or_knows_more_than_the_log_is_told_to_begin_anew(
    api: Caller, session: str, after: int
) -> None:
    for _ in range(4):
        api.say(session)
    StoredEvent.objects.filter(stream=session, version__lte=2).delete()
    refused = problem(api.get(f"sessions/{session}/events/?after={after}"), 410, "stream-expired")
    assert refused["head"] == 5
    kept = api.get(f"sessions/{session}/events/?after=2").json()
    assert [event["version"] for event in kept["data"]] == [3, 4, 5]


def test_a_log_of_which_nothing_is_left_is_not_an_empty_one(api: Caller, session: str) -> None:
    StoredEvent.objects.filter(stream=session).delete()
    problem(api.get(f"sessions/{session}/events/"), 410, "stream-expired")
    assert api.get(f"sessions/{session}/events/?after=1").json()["data"] == []


def test_who_has_a_position_that_the_whole_log_has_not_reached_is_told_to_begin_anew(api: Caller, session: str) -> None:
    head = api.get("events/").json()["head"]
    assert problem(api.get(f"events/?after={head + 1}"), 410, "stream-expired")["head"] == head
    assert api.get(f"events/?after={head}").json()["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        *(f"after={bad}" for bad in ("", "-1", "x", "1.5", "%D9%A1", "9" * 19)),
        *(f"limit={bad}" for bad in ("101", "9" * 5000)),
        *(f"types={bad}" for bad in ("Nope", "a%00", "a" * 101, "%2A%5B")),
    ],
)
def test_a_bad_query_is_refused(api: Caller, session: str, query: str) -> None:
    problem(api.get(f"sessions/{session}/events/?{query}"), 422, "validation-failed")


@pytest.mark.timeout(3)
def test_no_pattern_takes_long_to_match() -> None:
    hostile = topics.matcher(["*" * 99 + "z", "*e" * 49 + "z"])
    assert not hostile("context-window-critical-and-a-much-longer-name-eeeeeeeeeeeeeeeeeeeeeeeeeeeeee")


def test_a_stream_is_refused_before_it_begins_as_any_answer_is(
    api: Caller, bob_api: Caller, stranger_api: Caller, session: str
) -> None:
    path, stream = f"sessions/{session}/events/", "text/event-stream"
    problem(stranger_api.get(path, accept=stream), 401, "unauthenticated")
    problem(bob_api.get(path, accept=stream), 404, "not-found")
    for after in ("x", "1" * 19, "-1", "\u0661"):
        problem(api.get(path, accept=stream, last_event_id=after), 422, "validation-failed")
    problem(api.get(path, accept=stream), 406, "not-acceptable")  # here nothing is served live
    problem(api.get(path, accept="text/html"), 406, "not-acceptable")


def test_the_whole_log_is_that_of_ones_own_sessions(
    api: Caller, bob_api: Caller, session: str, django_assert_max_num_queries: Any
) -> None:
    other = api.session()
    for _ in range(3):
        bob_api.say(bob_api.session(), "private")
        for mine in (session, other):
            api.say(mine, "mine")
    bob_api.get("events/?limit=1")  # the first look of a process
    seen: list[tuple[str, int]] = []
    after, more = 0, True
    while more:
        with django_assert_max_num_queries(5):
            page = api.get(f"events/?after={after}&limit=3").json()
        assert len(page["data"]) <= 3
        assert [event["position"] for event in page["data"]] == sorted(event["position"] for event in page["data"])
        seen += [(event["session_id"], event["version"]) for event in page["data"]]
        after, more = page["next_after"], page["has_more"]
    assert after == page["head"]
    assert sorted(seen) == sorted((ident, version) for ident in (session, other) for version in (1, 2, 3, 4))
    assert api.get(f"events/?after={after}").json() == {**page, "data": []}
    assert {event["type"] for event in api.get("events/?topics=session-*").json()["data"]} == {"session-created"}
    for query in ("after=x", "limit=0", "topics=Nope"):
        problem(api.get(f"events/?{query}"), 422, "validation-failed")
    problem(api.get("events/", accept="text/event-stream"), 406, "not-acceptable")
