"""The tree of a session's conversations, and the messages that have others beside them."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from sessions_app import commands
from sessions_app.values import ConfigPatch
from tests.story import Story
from tests.web.browser import shown

POINT = re.compile(r'data-at="([^"]+)".*?<span>(\d/\d)</span>', re.DOTALL)


def said(story: Story, text: str, role: str = "user", **more: Any) -> str:
    return str(story.tell(commands.AddMessage, content=text, role=role, **more).data["id"])


def forked(story: Story, command: type[Any], message: str, **fields: Any) -> str:
    return str(story.tell(command, message_id=message, **fields).data["id"])


def points(client: Client, story: Story, conversation: str = "") -> dict[str, str]:
    return dict(POINT.findall(shown(client, f"/sessions/{story.id}/branches/?conversation={conversation}")))


def test_versions_of_one_message_are_siblings_wherever_one_stands(alice_client: Client, story: Story) -> None:
    first = said(story, "a question")
    answer = said(story, "an answer", "assistant")
    assert points(alice_client, story) == {}
    edited = forked(story, commands.EditMessage, first, content="otherwise", answer=False)
    assert points(alice_client, story) == {first: "1/2"}
    ((otherwise, place),) = points(alice_client, story, edited).items()
    assert place == "2/2"
    again = forked(story, commands.EditMessage, otherwise, content="a third time", answer=False)
    assert [*points(alice_client, story, again).values()] == ["3/3"]
    assert points(alice_client, story, edited) == {otherwise: "2/3"}
    assert answer not in points(alice_client, story)


def test_a_fork_that_says_nothing_yet_is_no_version(alice_client: Client, story: Story) -> None:
    first = said(story, "a question")
    next_one = said(story, "an answer", "assistant")
    aside = forked(story, commands.ForkConversation, first)
    assert points(alice_client, story) == {}
    assert aside in shown(alice_client, f"/sessions/{story.id}/branches/").partition("data-conversations")[0]
    mine = said(story, "something else", conversation_id=aside)
    assert points(alice_client, story) == {next_one: "1/2"}
    assert points(alice_client, story, aside) == {mine: "2/2"}


def test_a_fork_at_the_end_is_one_when_both_go_on(alice_client: Client, story: Story) -> None:
    first = said(story, "a question")
    aside = forked(story, commands.ForkConversation, first, input="in the fork")
    assert points(alice_client, story) == points(alice_client, story, aside) == {}
    later = said(story, "in main")
    assert points(alice_client, story) == {later: "1/2"}


def test_the_tree_shows_what_came_of_what(alice_client: Client, story: Story) -> None:
    first = said(story, "a question")
    outer = forked(story, commands.EditMessage, first, content="<otherwise>", answer=False, name="outer")
    inner = forked(story, commands.ForkConversation, first, name="beside")
    page = shown(alice_client, f"/sessions/{story.id}/branches/?conversation={outer}")
    tree = re.findall(r'<li data-depth="(\d)"><a href="[^"]+" data-to="([^"]+)"( aria-current="page")?>', page)
    assert tree == [("0", str(story.id), ""), ("1", outer, ' aria-current="page"'), ("1", inner, "")]
    assert "<q>&lt;otherwise&gt;</q>" in page
    story.tell(commands.UpdateConversation, conversation_id=inner, is_archived=True)
    assert inner not in shown(alice_client, f"/sessions/{story.id}/branches/")


def test_many_branches_cost_as_many_queries_as_few(
    alice_client: Client, story: Story, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = said(story, "a question")
    said(story, "an answer", "assistant")
    for _ in range(8):
        forked(story, commands.EditMessage, first, content="otherwise", answer=False)
    with django_assert_num_queries(5):  # login session, user, session, conversation, conversations
        assert points(alice_client, story) == {first: "1/9"}


@pytest.mark.parametrize("part", ["branches", "model", "sharing"])
def test_parts_of_a_page_are_for_who_may_read_it(
    alice_client: Client, bob_client: Client, story: Story, part: str
) -> None:
    address = f"/sessions/{story.id}/{part}/"
    shown(alice_client, address)
    shown(bob_client, address, 404)
    assert Client().get(address).headers["Location"] == f"/login/?next={address}"


def test_only_the_owner_is_told_with_whom_it_is_shared(
    alice_client: Client, bob_client: Client, story: Story, bob: User, charlie: User
) -> None:
    for person in (bob, charlie):
        story.tell(commands.ShareSession, username=person.username)
    assert "charlie" in shown(alice_client, f"/sessions/{story.id}/sharing/")
    for page in ("", "sharing/"):
        seen = shown(bob_client, f"/sessions/{story.id}/{page}")
        assert "alice" in seen
        assert "charlie" not in seen


def test_the_model_of_the_session_can_be_chosen_even_where_it_is_unknown(alice_client: Client, story: Story) -> None:
    story.tell(commands.UpdateSession, config=ConfigPatch(provider="nobody", model="knows"))
    page = shown(alice_client, f"/sessions/{story.id}/model/")
    assert '<option value="nobody" selected>' in page
    assert 'value="knows"' in page
