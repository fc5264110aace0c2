"""The page of a session's log: what it tells, how it goes on both ways, the session as it was, forks from then."""

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bus.models import StoredEvent
from bus.registry import default
from sessions_app import commands
from sessions_app.models import Conversation, Message
from sessions_app.pages import saying, timeline
from sessions_app.pages.timeline import LINES
from sessions_app.values import ConfigPatch
from tests.story import Story, assert_replay_rebuilds_the_same_rows
from tests.web.browser import shown
from tests.web.session_page import ended

PART = {"HX-Request": "true"}


def log_of(story: Story, query: str = "") -> str:
    return f"/sessions/{story.id}/log/{query}"


def versions(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'class="event[^"]*" data-version="(\d+)"', page)]


def many(story: Story, count: int) -> None:
    for number in range(count):
        story.tell(commands.AddMessage, content=f"saying {number}.")


# -- lines -------------------------------------------------------------------------------------------------------------


def test_the_end_is_shown_and_the_log_goes_on_both_ways_at_the_same_cost(
    alice_client: Client, story: Story, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    many(story, 2 * LINES)
    with django_assert_num_queries(4):  # login session, user, session, events
        page = shown(alice_client, log_of(story))
    head = 2 * LINES + 1
    assert versions(page) == list(range(head - LINES + 1, head + 1))
    earlier = re.search(r'href="(\?before=\d+)"', page)
    assert earlier is not None
    part = alice_client.get(log_of(story, earlier[1]), headers=PART).content.decode()
    assert versions(part) == list(range(2, head - LINES + 1))
    assert "<html" not in part
    assert "after=" not in part
    later = alice_client.get(log_of(story, "?after=1"), headers=PART).content.decode()
    assert versions(later) == list(range(2, LINES + 2))
    assert f"after={LINES + 1}" in later


def test_a_line_tells_in_words_what_happened_and_who_did_it(alice_client: Client, story: Story, worker: Story) -> None:
    ended(story, worker, "failed", error="the model is <away>")
    page = shown(alice_client, log_of(story))
    assert '<span class="said">User: hello</span> <span class="actor">you</span>' in page
    assert "No answer: the model is &lt;away&gt;" in page
    assert '<span class="actor">system</span>' in page


def test_every_event_of_a_session_has_words() -> None:
    of_accounts = ("account-", "token-", "logged-", "login-", "password-", "user-", "service-", "setting-")
    ours = {name for name, kind in default.events.items() if kind.__module__.startswith(("bus.", "sessions_app."))}
    told = {name for name in ours if not name.startswith(of_accounts)} | {"token-metrics-updated"}
    assert told - {"session-end"} <= set(saying.SAYS)
    assert all(saying.said(name, {}) for name in told)
    odd = {
        "updates": 1,
        "changes": [],
        "cost": "x",
        "nodes": 7,
        "totals": "x",
        "left_out": 3,
        "metadata": 5,
        "config": 1,
    }
    assert all(saying.said(name, odd) for name in told)
    assert saying.said("tea-made", {}) == "Tea made."


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?types=message-*", [2, 4]),
        ("?types=AdDed", [2, 4]),
        ("?types=run-*,session-*", [1, 3]),
        ("?types=nothing", []),
        ("?actor=user", [1, 2, 3]),
        ("?actor=system", [4]),
        ("?actor=system:engine", []),
        ("?actor=us_r", []),
    ],
)
def test_events_are_filtered_by_type_and_by_who_did_it(
    alice_client: Client, story: Story, worker: Story, query: str, found: list[int]
) -> None:
    story.tell(commands.AddMessage, content="a question", answer=True)
    worker.tell(commands.AddMessage, content="from elsewhere")
    assert versions(shown(alice_client, log_of(story, query))) == found


def test_events_are_found_by_what_they_are_about_and_by_their_request(
    alice_client: Client, story: Story, worker: Story
) -> None:
    run = ended(story, worker, "completed", text="done")
    told = [event for event in story.events() if str(run).encode() in bytes(event.data)]
    assert versions(shown(alice_client, log_of(story, f"?about={run}"))) == [event.version for event in told]
    cause = story.events()[-1].causation_id
    same = [event.version for event in story.events() if event.causation_id == cause]
    assert versions(shown(alice_client, log_of(story, f"?request={cause}"))) == same


def test_a_filter_looks_through_so_much_at_a_time_and_says_where_to_go_on(
    alice_client: Client, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "LOOKED_THROUGH", 5)
    many(story, 12)
    page = shown(alice_client, log_of(story, "?types=session-created"))
    assert versions(page) == []
    assert 'href="?types=session-created&amp;before=9"' in page
    assert versions(shown(alice_client, log_of(story, "?types=session-created&before=4"))) == [1]


# -- one event ---------------------------------------------------------------------------------------------------------


def test_an_event_opens_with_its_payload_and_leads_to_what_it_is_about(alice_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="<b>bold</b>")
    message = Message.objects.get()
    page = shown(alice_client, log_of(story, "?open=2"))
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert f'href="/sessions/{story.id}/?message={message.id}"' in page
    assert '<a href="?at=2" data-at="2">' in page
    part = alice_client.get(log_of(story, "?open=2"), headers=PART).content.decode()
    assert "&quot;role&quot;: &quot;user&quot;" in part
    assert "<html" not in part


def test_what_was_erased_or_pruned_is_told_as_such(alice_client: Client, story: Story) -> None:
    many(story, 3)
    rows = StoredEvent.objects.filter(stream=story.id)
    rows.filter(version=3).update(schema=0, data={"sha256": "abc"})
    rows.filter(version__lt=3)._raw_delete("default")
    page = shown(alice_client, log_of(story, "?open=3"))
    assert "What came before version 3 was pruned" in page
    assert "What this event said was erased" in page
    assert "abc" in page
    assert "it was pruned" in alice_client.get(log_of(story, "?open=1"), headers=PART).content.decode()


# -- travelling --------------------------------------------------------------------------------------------------------


def test_the_session_is_shown_as_it_was_beside_what_it_is(alice_client: Client, story: Story) -> None:
    many(story, 2)
    first = Message.objects.earliest("position")
    story.tell(commands.UpdateMessage, message_id=first.id, content="changed <later>")
    story.tell(commands.UpdateSession, title="Another title", config=ConfigPatch(temperature=0.5))
    page = shown(alice_client, log_of(story, "?at=3"))
    moment = page[page.index('<aside class="moment"') :]
    assert "saying 0." in moment
    assert "edited since" in moment
    assert "changed" not in moment
    assert '<th scope="row">title</th><td>A story</td><td>Another title</td>' in moment
    assert '<th scope="row">temperature</th><td>-</td><td>0.5</td>' in moment
    assert versions(page)[2:3] == [3]
    later = shown(alice_client, log_of(story, "?at=4"))
    assert "changed &lt;later&gt;" in later[later.index('<aside class="moment"') :]


def test_travelling_costs_the_same_for_few_and_many_messages(
    alice_client: Client, story: Story, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    many(story, 3)
    story.tell(commands.UpdateMessage, message_id=Message.objects.latest("position").id, content="x")
    for _ in range(2):
        # login session, user, session, lines twice, snapshot, last, told, counted, messages, updates, their events
        with django_assert_num_queries(12):
            shown(alice_client, log_of(story, "?at=5"))
        many(story, 30)


def test_a_fork_begins_at_the_last_message_of_then(alice_client: Client, story: Story) -> None:
    many(story, 3)
    response = alice_client.post(log_of(story), {"at": "3"})
    fork = Conversation.objects.exclude(id=story.id).get()
    assert response.headers["Location"] == f"/sessions/{story.id}/?conversation={fork.id}"
    page = shown(alice_client, response.headers["Location"])
    assert "saying 1." in page
    assert "saying 2." not in page
    assert_replay_rebuilds_the_same_rows()


def test_where_nothing_was_said_there_is_nothing_to_fork(alice_client: Client, story: Story) -> None:
    assert "<button>Fork" not in shown(alice_client, log_of(story, "?at=1"))
    response = alice_client.post(log_of(story), {"at": "1"})
    assert response.status_code == 422
    assert "There is no message yet at version 1" in response.content.decode()
    assert story.types() == ["session-created"]


# -- bounds and rights -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?at=99", "There is no version 99"),
        ("?at=0", "There is no version 0"),
        ("?open=x", "“x” is no version"),
        ("?before=-1", "“-1” is no version"),
        ("?after=" + "9" * 30, "is no version"),
        ("?types=%F0%9F%90%88", "is not a topic"),
        ("?types=" + "a," * 11, "At most 10 patterns"),
        ("?about=me", "is no id"),
    ],
)
def test_what_cannot_be_asked_is_said_in_words(alice_client: Client, story: Story, query: str, says: str) -> None:
    for headers in ({}, PART):
        response = alice_client.get(log_of(story, query), headers=headers)
        assert response.status_code == 422
    assert says in shown(alice_client, log_of(story, query), 422)


@pytest.mark.parametrize("query", ["?types=%00", "?before=", "?request=%00x", "?before=0", "?after=99", "?actor=%25"])
def test_odd_questions_have_plain_answers(alice_client: Client, story: Story, query: str) -> None:
    shown(alice_client, log_of(story, query))


def test_others_get_what_never_was(bob_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="private")
    never = uuid4()
    bodies = {
        bob_client.get(f"/sessions/{ident}/log/{query}", headers=headers).content
        for ident in (story.id, never)
        for query in ("", "?at=1", "?open=2", "?at=99")
        for headers in ({}, PART)
    }
    assert len(bodies) == 1
    assert bob_client.post(log_of(story), {"at": "2"}).status_code == 404
    assert len(story.events()) == 2


def test_a_viewer_travels_and_forks_nothing(bob: User, bob_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="shared words")
    story.tell(commands.ShareSession, username="bob", role="viewer")
    page = shown(bob_client, log_of(story, "?at=2"))
    assert "shared words" in page
    assert "<button>Fork" not in page
    assert bob_client.post(log_of(story), {"at": "2"}).status_code == 403
    assert story.types(after=3) == []


def test_the_page_brings_no_inline_script_or_style(alice_client: Client, story: Story) -> None:
    page = shown(alice_client, log_of(story, "?at=1"))
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", page)


def test_a_message_of_another_conversation_says_so(alice_client: Client, story: Story) -> None:
    aside = story.tell(commands.StartConversation, name="An aside").data["id"]
    story.tell(commands.AddMessage, conversation_id=aside, content="psst")
    assert '<span class="mark">An aside</span>' in shown(alice_client, log_of(story, "?at=3"))
