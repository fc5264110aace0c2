"""Conversations of a session: forks share what was said before them and copy nothing."""

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django.asserts import assertNumQueries

from bus.exceptions import AlreadyExists, Invalid, NotFound
from bus.messages import uuid7
from sessions_app import commands, forks, queries
from sessions_app.forks import ForkTooDeep
from sessions_app.models import Conversation, Message
from sessions_app.queries import ConversationArchived
from sessions_app.state import EventSourcedSession, state_at
from sessions_app.values import text_of
from tests.conversations import asked, begin, fork, line, say, text_in
from tests.runs import ask, do, told
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


# -- starting and forking ----------------------------------------------------------------------------------------------


def test_a_conversation_begins_with_its_first_messages_and_an_answer(alice: User) -> None:
    story = told(alice)
    say(story, "in main")
    aside, data = begin(story, commands.StartConversation, name="aside", system="Be brief.", input="hello", answer=True)
    assert do(data["run_id"]).state == "completed"
    assert line(aside) == ["Be brief.", "hello", "[echo] hello"]
    assert line(story.id) == ["in main"]
    assert text_in(data["message_id"]) == "hello"
    row = Conversation.objects.get(id=aside)
    assert (row.name, row.parent, row.lineage) == ("aside", None, [])
    begin(story, commands.StartConversation, name="aside")  # a name is a label
    with pytest.raises(Invalid, match="input"):
        begin(story, commands.StartConversation, name="x", answer=True)
    assert_replay_rebuilds_the_same_rows()


def test_a_fork_shares_what_was_said_before_and_copies_nothing(alice: User) -> None:
    story = told(alice)
    first, second = say(story, "one"), say(story, "two")
    say(story, "three")
    before = Message.objects.count()
    aside = fork(story, second, name="aside")
    assert Message.objects.count() == before
    assert line(aside) == asked(story, aside) == ["one", "two"]
    say(story, "later in main")
    say(story, "2b", conversation=aside)
    assert line(aside) == asked(story, aside) == ["one", "two", "2b"]
    assert line(story.id) == ["one", "two", "three", "later in main"]
    row = Conversation.objects.get(id=aside)
    assert (row.name, row.parent, row.forked_at, row.metadata) == ("aside", story.id, 3, {"forks": str(second)})
    story.tell(commands.UpdateMessage, message_id=first, content="one, corrected")
    assert line(aside)[0] == "one, corrected", "it is the same message"
    assert_replay_rebuilds_the_same_rows()


def test_a_line_is_read_with_two_queries_however_deep_it_is(alice: User) -> None:
    story = told(alice)
    conversation, wanted = story.id, []
    for number in range(6):
        message = say(story, f"shared {number}", conversation=conversation)
        say(story, f"left behind {number}", conversation=conversation)
        conversation = fork(story, message)
        wanted.append(f"shared {number}")
    with assertNumQueries(2):
        assert line(conversation) == wanted
    assert asked(story, conversation) == wanted
    assert_replay_rebuilds_the_same_rows()


def test_a_fork_at_a_shared_message_is_a_fork_of_where_that_was_said(alice: User) -> None:
    story = told(alice)
    first = say(story, "one")
    say(story, "two")
    aside = fork(story, say(story, "three"))
    say(story, "four", conversation=aside)
    sibling = fork(story, first)
    assert line(sibling) == ["one"]
    deeper = fork(story, say(story, "five", conversation=aside))
    assert line(deeper) == ["one", "two", "three", "four", "five"]
    assert Conversation.objects.get(id=deeper).lineage == [[str(aside), 8], [str(story.id), 4]]


def test_forks_of_forks_have_an_end_but_versions_of_one_message_have_not(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "MOST_ANCESTORS", 3)
    story = told(alice)
    say(story, "one")
    message = say(story, "version 0")
    for number in range(1, 6):
        _, data = begin(story, commands.EditMessage, message_id=message, content=f"version {number}", answer=False)
        message = UUID(str(data["message_id"]))
    versions = Conversation.objects.exclude(id=story.id)
    assert {(row.parent, row.forked_at) for row in versions} == {(story.id, 2)}
    conversation = fork(story, message)
    conversation = fork(story, say(story, "x", conversation=conversation))
    with pytest.raises(ForkTooDeep):
        fork(story, say(story, "x", conversation=conversation))


def test_an_id_is_given_once_and_a_session_cannot_take_it(alice: User) -> None:
    story, ident = told(alice), uuid7()
    begin(story, commands.StartConversation, name="x", conversation_id=ident)
    with pytest.raises(AlreadyExists):
        begin(story, commands.StartConversation, name="x", conversation_id=ident)
    with pytest.raises(AlreadyExists):
        Story(ident, story.actor).tell(commands.CreateSession)
    with pytest.raises(NotFound):
        Story(ident, story.actor).tell(commands.EnsureSession)


def test_what_is_of_another_session_is_not_found(alice: User) -> None:
    story, other = told(alice), told(alice)
    message = say(other, "one")
    aside = fork(other, message)
    for command, fields in (
        (commands.ForkConversation, {"message_id": message}),
        (commands.EditMessage, {"message_id": message, "content": "x"}),
        (commands.RegenerateMessage, {"message_id": message}),
        (commands.UpdateConversation, {"conversation_id": aside, "name": "x"}),
        (commands.AddMessage, {"content": "x", "conversation_id": aside}),
        (commands.ForkConversation, {"message_id": uuid4()}),
    ):
        with pytest.raises(NotFound):
            story.tell(command, **fields)


# -- names and archive -------------------------------------------------------------------------------------------------


def test_an_archived_conversation_takes_nothing_new_until_it_is_taken_back(alice: User) -> None:
    story = told(alice)
    do(ask(story, "hello"))
    answer = Message.objects.get(role="assistant")
    aside, data = begin(story, commands.ForkConversation, message_id=answer.id, input="more", answer=True)
    story.tell(commands.UpdateConversation, conversation_id=aside, is_archived=True, name="old")
    assert do(data["run_id"]).state == "completed", "what was asked before is answered"
    for command, fields in (
        (commands.AddMessage, {"content": "x"}),
        (commands.AddMessage, {"content": "x", "answer": True}),
        (commands.RequestRun, {}),
    ):
        with pytest.raises(ConversationArchived):
            story.tell(command, conversation_id=aside, **fields)
    with pytest.raises(ConversationArchived):
        story.tell(commands.RetryRun, run_id=data["run_id"])
    assert line(fork(story, Message.objects.filter(conversation_id=aside)[0].id))
    story.tell(commands.UpdateConversation, conversation_id=aside, is_archived=False)
    say(story, "again", conversation=aside)
    version = story.events()[-1].version
    story.tell(commands.UpdateConversation, conversation_id=aside, is_archived=False, name="old")
    assert story.types(after=version) == []
    with pytest.raises(Invalid, match="main"):
        story.tell(commands.UpdateConversation, conversation_id=story.id, is_archived=True)
    assert_replay_rebuilds_the_same_rows()


def test_the_state_folded_from_the_log_goes_along_with_the_rows(alice: User) -> None:
    story = told(alice)
    aside = fork(story, say(story, "one"), input="two")
    story.tell(commands.UpdateConversation, conversation_id=aside, name="aside")
    session = queries.session_of(story.actor, story.id)
    state = state_at(story.id, session.version)  # type: ignore[attr-defined]
    assert (state.version, state.message_count, state.updated_at) == (5, 2, session.updated_at)
    folded = EventSourcedSession.load(story.id).current_state
    assert [text_of(message.content) for message in folded.messages] == ["one", "two"]
