"""`search/`: words, phrases and exclusions; pages in order of rank; pieces instead of markup; one's own only."""

from typing import Any
from urllib.parse import quote

import pytest

from sessions_app import search
from sessions_app.models import Message, Session
from tests.api.caller import Caller, problem
from tests.api.test_bad_queries import CURSORS, EXTREMES, VALUES, sound
from tests.story import assert_replay_rebuilds_the_same_rows


def found(api: Caller, query: str) -> list[str]:
    """What the snippets of the hits say."""
    answer = api.get(f"search/?{query}")
    assert answer.status_code == 200, answer.content
    return ["".join(piece["text"] for piece in hit["snippet"]) for hit in answer.json()["data"]]


def marked(api: Caller, query: str) -> list[list[str]]:
    """What is marked in each."""
    hits = api.get(f"search/?{query}").json()["data"]
    return [[piece["text"] for piece in hit["snippet"] if piece["match"]] for hit in hits]


def test_a_message_is_found_as_soon_as_it_is_said(api: Caller, session: str) -> None:
    said = api.say(session, "The quick brown fox")
    (hit,) = api.get("search/?q=quick").json()["data"]
    assert hit.pop("score") > 0
    assert hit == {
        "session_id": session,
        "session_title": "A session",
        "conversation_id": session,
        "message_id": said["id"],
        "role": "user",
        "created_at": said["created_at"],
        "snippet": [
            {"text": "The ", "match": False},
            {"text": "quick", "match": True},
            {"text": " brown fox", "match": False},
        ],
    }
    api.patch(f"sessions/{session}/messages/{said['id']}/", {"content": "a slow one"}, if_match="*")
    assert (found(api, "q=quick"), found(api, "q=slow")) == ([], ["a slow one"])
    assert_replay_rebuilds_the_same_rows()


FINDS: dict[str, list[str]] = {
    "fox": ["a fox", "foxes and hens"],
    '"fox"': ["a fox"],
    "FOX hens": ["foxes and hens"],
    "fox -hens": ["a fox"],
    '"and hens"': ["foxes and hens"],
    '"hens and"': [],
    "hens or straße": ["foxes and hens", "ÜBER die Straße\nand \\n more"],
    "über": ["ÜBER die Straße\nand \\n more"],
    "more": ["ÜBER die Straße\nand \\n more"],
    "世界": [],
    "你好": ["你好世界"],
    "don't": ["I don't know a.b@example.org"],
    "a.b@example.org": ["I don't know a.b@example.org"],
    "text": [],
    "-fox": ["foxes and hens", "I don't know a.b@example.org", "ÜBER die Straße\nand \\n more", "你好世界"],
    "": [],
    "% () ! & : * <-> \\ '": [],
    '"': [],
}


def test_words_phrases_and_exclusions(api: Caller, session: str) -> None:
    for text in ("a fox", "foxes and hens", "你好世界", "I don't know a.b@example.org"):
        api.say(session, text)
    api.say(session, [{"type": "text", "text": "ÜBER die Straße"}, {"type": "text", "text": "and \\n more"}])
    assert {asked: sorted(found(api, f"q={quote(asked)}")) for asked in FINDS} == {
        asked: sorted(texts) for asked, texts in FINDS.items()
    }


def test_matches_are_pieces_and_markup_is_only_text(api: Caller, session: str) -> None:
    api.say(session, "x " * 200 + "<b>needle</b> & needles, threadneedle " + "y " * 20_000)
    assert marked(api, "q=needle") == [["needle", "needles"]]
    (text,) = found(api, "q=%22needle%22")
    assert text.startswith("…x x ")
    assert "<b>needle</b> & needles, threadneedle y" in text
    assert text.endswith("y …")
    assert len(text) < search.SNIPPET + 5


@pytest.mark.parametrize("text", ["\\" * 5_000, "a-" * 40_000, "w" * 5_000, "𠀀 " * 30_000, '"\u0001\n' * 9_000])
def test_a_text_of_any_kind_can_be_said_and_the_rest_found(api: Caller, session: str, text: str) -> None:
    api.say(session, [{"type": "text", "text": "needle"}, {"type": "text", "text": text}])
    (shown,) = found(api, "q=needle")
    assert shown.startswith("needle")


def test_the_vector_of_a_very_long_text_fits(api: Caller, session: str) -> None:
    api.say(session, " ".join(f"{number:x}-z{number:x}" for number in range(60_000)))
    assert len(found(api, "q=%221f-z1f%22")) == 1


def test_pages_follow_the_rank_and_neither_skip_nor_repeat(api: Caller, session: str) -> None:
    said = [api.say(session, "word " * (1 + number % 3) + f"n{number}")["id"] for number in range(9)]
    seen: list[dict[str, Any]] = []
    address = "search/?q=word&limit=2"
    while address:
        answer = api.get(address)
        seen += answer.json()["data"]
        api.say(session, "word said meanwhile")
        address = answer["Link"].split(">")[0].removeprefix("<http://testserver") if "Link" in answer else ""
    assert sorted(hit["message_id"] for hit in seen) == sorted(said)
    assert [hit["score"] for hit in seen] == sorted((hit["score"] for hit in seen), reverse=True)


def test_filters(api: Caller, session: str) -> None:
    first = api.say(session, "needle one")
    other = api.session(title="other")
    second = api.say(other, "needle two", role="assistant")
    third = api.say(other, "needle three")
    assert found(api, f"q=needle&session={session}") == ["needle one"]
    assert found(api, "q=needle&role=assistant") == ["needle two"]
    assert found(api, f"q=needle&before={second['created_at']}") == ["needle one"]
    assert found(api, f"q=needle&after={second['created_at']}") == ["needle three"]
    assert found(api, f"q=needle&after={first['created_at']}&before={third['created_at']}") == ["needle two"]
    assert found(api, "q=needle&after=2026-01-01&before=2026-01-02T00:00:00+02:00") == []


def test_titles_are_found_and_change(api: Caller, session: str) -> None:
    plain = api.session()
    assert found(api, "q=sess&in=titles") == ["A session"]
    api.patch(f"sessions/{session}/", {"title": "Buses <i>and</i> trams"}, if_match="*")
    api.patch(f"sessions/{plain}/", {"title": "A tram"}, if_match="*")
    assert found(api, "q=session&in=titles") == []
    hits = api.get("search/?q=tram&in=titles&limit=1").json()
    assert hits["data"][0]["message_id"] is hits["data"][0]["role"] is None
    more = api.get(f"search/?q=tram&in=titles&cursor={hits['next_cursor']}").json()["data"]
    assert {hit["session_id"] for hit in hits["data"] + more} == {session, plain}
    assert {row["id"] for row in api.get("sessions/?q=tram").json()["data"]} == {session, plain}
    assert_replay_rebuilds_the_same_rows()


def test_a_deleted_session_is_not_found(api: Caller, session: str) -> None:
    api.say(session, "needle")
    api.delete(f"sessions/{session}/", if_match="*")
    assert found(api, "q=needle") == found(api, "q=session&in=titles") == []


def test_nobody_finds_what_others_said(api: Caller, bob_api: Caller, charlie_api: Caller, session: str) -> None:
    api.say(session, "needle")
    api.say(api.session(config={"provider": "echo", "model": "echo", "system_prompt": "needles"}), "hello")
    owner = Session.objects.get(id=session).owner_id
    for caller in (bob_api, charlie_api):
        for query in ("q=needle", "q=-nothing", f"q=%27 {owner}%27", f"q={owner}", f"q=needle&session={session}"):
            assert found(caller, query) == found(caller, f"{query}&in=titles") == []
    assert sorted(found(api, "q=needle")) == ["needle", "needles"]
    Message.objects.update(owner=Session.objects.none().values("owner")[:1])  # even if the index were wrong
    Message.objects.update(owner=int(bob_api.get("sessions/").wsgi_request.user.pk))
    assert found(bob_api, "q=needle") == []


@pytest.mark.parametrize(
    "query",
    [
        *("", "q=a&in=all", "q=a&role=king", "q=a&role=user&in=titles", "q=a&session=x", "q=a&after=yesterday"),
        *("q=%00", "q=a&before=0001-01-01T00:00:00%2B14:00", "q=a&limit=0", "q=a&cursor=x", "q=a&cursor=WzEsMiwzXQ"),
    ],
)
def test_a_bad_question_is_refused(api: Caller, query: str) -> None:
    problem(api.get(f"search/?{query}"), 422, "validation-failed")


def test_no_parameter_makes_the_server_fail(api: Caller, session: str) -> None:
    api.say(session, "a")
    for name in ("q", "in", "session", "role", "after", "before", "limit", "cursor"):
        for value in VALUES.values():
            sound(api.get(f"search/?{'' if name == 'q' else 'q=a&'}{name}={value}"))
    for cursor in [*CURSORS.values(), *EXTREMES.values()]:
        sound(api.get(f"search/?q=a&cursor={cursor}"))
