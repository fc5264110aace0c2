"""A session that is shared is no way into its owner's other sessions: not by command, not by a model's tools, not by
metadata made up to look like a delivery. Its owner pays for what is asked in it."""

from uuid import UUID

import pytest
from django.contrib.auth.models import User

from bus.bus import bus
from bus.exceptions import Forbidden, NotFound
from bus.messages import Actor, Context, uuid7
from sessions_app import commands, rights
from sessions_app.llm.budgets import BudgetExhausted
from sessions_app.models import Budget, Run
from sessions_app.orchestration.spec import NodeSpec
from sessions_app.plugins.coordination import SendToSession, SessionMessageSent
from sessions_app.plugins.memory import Recall
from tests.runs import ask, do, texts, told
from tests.sessions_app.plugins.support import delivered
from tests.story import Story

pytestmark = pytest.mark.django_db(transaction=True)


def as_editor(story: Story, user: User, role: str = "editor") -> Story:
    """The same session, told by somebody it is shared with."""
    story.tell(commands.ShareSession, username=user.username, role=role)
    return Story(story.id, Actor("user", str(user.pk)))


def test_an_editor_writes_to_other_sessions_only_where_they_may_change_them(alice: User, bob: User) -> None:
    shared, private, shown = told(alice), told(alice), told(alice)
    editor = as_editor(shared, bob)
    with pytest.raises(NotFound):
        editor.tell(SendToSession, to=private.id, content="x")
    as_editor(shown, bob, "viewer")
    with pytest.raises(Forbidden):
        editor.tell(SendToSession, to=shown.id, content="x")
    as_editor(shown, bob, "editor")
    editor.tell(SendToSession, to=shown.id, content="x", answer=False)
    delivered()
    assert texts(private) == []
    assert len(texts(shown)) == 1


def test_what_an_editor_makes_a_model_call_reaches_nothing_but_the_session(alice: User, bob: User) -> None:
    private = told(alice)
    private.tell(commands.AddMessage, content="The password is swordfish.")
    delivered()
    for tool, args in (("recall", {"query": "password"}), ("send_to_session", {"to": str(private.id), "content": "x"})):
        shared = told(alice, tools=[tool], tool={"name": tool, "args": args})
        run = do(ask(as_editor(shared, bob), "please"))
        assert run.state == Run.State.COMPLETED
        assert "swordfish" not in str(texts(shared))
        assert SessionMessageSent.type not in shared.types()
    assert len(texts(private)) == 1


def test_a_model_does_not_carry_what_is_private_into_a_session_that_others_read(alice: User, bob: User) -> None:
    shared = told(alice)
    as_editor(shared, bob)
    args = {"to": str(shared.id), "content": "the password"}
    private = told(alice, tools=["send_to_session"], tool={"name": "send_to_session", "args": args})
    do(ask(private, "what a guest once said"))
    assert texts(shared) == []
    private.tell(SendToSession, to=shared.id, content="on purpose", answer=False)


def test_a_run_that_only_says_it_was_sent_brings_no_answer_anywhere(alice: User, bob: User) -> None:
    shared, private = told(alice, text="gotcha"), told(alice)
    note = {"from": str(private.id), "message": str(uuid7()), "hops": 0}
    do(ask(as_editor(shared, bob), "x", metadata={"coordination": note}))
    delivered()
    assert texts(private) == []


def test_an_editor_recalls_only_their_own_sessions_and_their_runs_are_the_owners_to_pay(alice: User, bob: User) -> None:
    shared = told(alice)
    shared.tell(commands.AddMessage, content="The password is swordfish.")
    delivered()
    editor = as_editor(shared, bob)
    assert bus.execute(Recall(query="password"), Context(actor=editor.actor)).data == []
    Budget.objects.create(scope="user", user=bob, tokens=0)
    ask(editor, "free for Bob")
    Budget.objects.create(scope="user", user=alice, tokens=0)
    with pytest.raises(BudgetExhausted):
        ask(editor, "no more")


def test_a_tool_may_do_in_the_session_what_its_owner_may_and_not_give_it_away(alice: User, bob: User) -> None:
    story, actor = told(alice), rights.confined(UUID(int=0))
    as_editor(story, bob)
    here = Story(story.id, rights.confined(story.id))
    here.tell(commands.AddMessage, content="x")
    with pytest.raises(Forbidden):
        here.tell(commands.DeleteSession)
    with pytest.raises(Forbidden):
        here.tell(commands.ShareSession, username="charlie")
    with pytest.raises(NotFound):
        Story(story.id, actor).tell(commands.AddMessage, content="x")


@pytest.mark.parametrize("graph", [False, True])
def test_an_editor_who_leaves_does_not_hand_their_run_the_owners_rights(alice: User, bob: User, graph: bool) -> None:
    private = told(alice)
    private.tell(commands.AddMessage, content="The password is swordfish.")
    delivered()
    shared = told(alice, tools=["recall"], tool={"name": "recall", "args": {"query": "password"}})
    editor = as_editor(shared, bob)
    if graph:
        nodes = [NodeSpec(key="a", prompt="x"), NodeSpec(key="b", prompt="y", dependencies=["a"])]
        editor.tell(commands.StartGraph, nodes=nodes)
    else:
        ask(editor, "please")
    editor.tell(commands.UnshareSession, user_id=bob.pk)
    while run := Run.objects.filter(session=shared.id, state=Run.State.QUEUED).first():
        assert do(run.id).state == Run.State.COMPLETED
    assert "swordfish" not in str(texts(shared))
    do(ask(shared, "what is the password?"))
    assert "swordfish" in str(texts(shared))


def test_what_an_editor_sent_is_not_delivered_once_they_have_left(alice: User, bob: User) -> None:
    one, other = told(alice), told(alice)
    as_editor(other, bob)
    as_editor(one, bob).tell(SendToSession, to=other.id, content="x")
    Story(other.id, Actor("user", str(bob.pk))).tell(commands.UnshareSession, user_id=bob.pk)
    delivered()
    assert texts(other) == []
