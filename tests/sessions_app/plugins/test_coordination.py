"""Agent coordination: sessions write to each other and get answers, once, and only within one owner's."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from bus.exceptions import Invalid, NotFound
from bus.messages import Actor
from sessions_app import commands
from sessions_app.handlers.runs import MOST_WAITING
from sessions_app.models import Message, Run
from sessions_app.plugins.coordination import MOST_SENT, SendToSession, TooManyHops, TooManySent
from sessions_app.values import ConfigPatch
from tests.bus.support import execute
from tests.runs import ask, do, settled, texts, told, until
from tests.sessions_app.plugins.support import delivered
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


def send(sender: Story, receiver: Story, content: str = "how are you?", **fields: Any) -> UUID:
    """The id of the message."""
    return UUID(str(sender.tell(SendToSession, to=receiver.id, content=content, **fields).data["message_id"]))


def run_of(receiver: Story) -> Run:
    """The run that was asked for last."""
    return Run.objects.filter(session=receiver.id).latest("queued_at")


def test_a_message_reaches_the_other_session_and_its_answer_comes_back(alice: User) -> None:
    sender, receiver = told(alice), told(alice, text="fine, thanks")
    sent = send(sender, receiver)
    delivered()
    assert texts(receiver) == [("user", f"[message from session {sender.id}]\nhow are you?")]
    do(run_of(receiver).id)
    delivered()
    assert texts(sender) == [("user", f"[answer from session {receiver.id}]\n[echo] fine, thanks")]
    there, back = Message.objects.get(id=sent), Message.objects.get(session=sender.id)
    assert there.metadata["coordination"] == {
        "from": str(sender.id),
        "message": str(sent),
        "hops": 0,
        "reply_to": None,
    }
    assert back.metadata["coordination"]["reply_to"] == str(sent)
    assert sender.types()[-2:] == ["session-message-sent", "message-added"]
    assert_replay_rebuilds_the_same_rows()


def test_delivering_everything_again_adds_nothing(alice: User) -> None:
    sender, receiver = told(alice), told(alice)
    send(sender, receiver)
    delivered()
    do(run_of(receiver).id)
    delivered()
    before = (sender.types(), receiver.types())
    execute("UPDATE bus_subscribercursor SET position = 0")
    delivered()
    assert (sender.types(), receiver.types()) == before


def test_a_message_that_wants_no_answer_asks_for_no_run(alice: User) -> None:
    sender, receiver = told(alice), told(alice)
    send(sender, receiver, answer=False)
    delivered()
    assert len(texts(receiver)) == 1
    assert not Run.objects.exists()


def test_a_run_without_an_answer_is_told_to_the_sender(alice: User) -> None:
    sender, receiver = told(alice), told(alice, error="refused")
    send(sender, receiver)
    delivered()
    do(run_of(receiver).id)
    delivered()
    assert "(no answer: " in texts(sender)[0][1]


def test_an_answer_that_is_made_again_is_not_brought_again(alice: User) -> None:
    sender, receiver = told(alice), told(alice, text="fine")
    send(sender, receiver)
    delivered()
    first = do(run_of(receiver).id)
    do(receiver.tell(commands.RegenerateMessage, message_id=first.message).data["run_id"])
    do(receiver.tell(commands.RetryRun, run_id=first.id).data["id"])
    delivered()
    assert len(texts(sender)) == 1


def test_the_answer_after_one_that_failed_or_was_cut_off_is_brought_once(alice: User) -> None:
    sender, receiver = told(alice), told(alice, text="It is fine.", error="refused", fail=1)
    send(sender, receiver)
    delivered()
    failed = do(run_of(receiver).id)
    delivered()
    receiver.tell(commands.UpdateSession, config=ConfigPatch(provider_options={"error": None, "fail": None}))
    for _ in range(2):
        do(receiver.tell(commands.RetryRun, run_id=failed.id).data["id"])
        delivered()
    assert ["fine" in text for _, text in texts(sender)] == [False, True]
    execute("UPDATE bus_subscribercursor SET position = 0")
    delivered()
    assert len(texts(sender)) == 2


def test_the_rest_of_an_answer_that_was_cut_off_is_brought_as_well(alice: User) -> None:
    sender, receiver = told(alice), told(alice, finish="length")
    send(sender, receiver)
    delivered()
    cut = do(run_of(receiver).id)
    receiver.tell(commands.UpdateSession, config=ConfigPatch(provider_options={"finish": None, "text": "the rest"}))
    for _ in range(2):
        do(receiver.tell(commands.ContinueRun, run_id=cut.id).data["id"])
        delivered()
    assert ["the rest" in text for _, text in texts(sender)] == [False, True]


def test_a_message_nobody_answers_is_not_called_undelivered(alice: User) -> None:
    sender, receiver = told(alice), told(alice)
    for _ in range(MOST_WAITING + 1):
        ask(receiver)
    send(sender, receiver)
    delivered()
    ((_, said),) = texts(sender)
    assert "has the message; its model will not answer" in said
    assert "wait in this conversation already" in said
    assert "how are you?" in texts(receiver)[-1][1]


def test_a_session_sends_so_many_messages_in_a_minute(alice: User) -> None:
    sender, receiver = told(alice), told(alice)
    for _ in range(MOST_SENT):
        send(sender, receiver, answer=False)
    with pytest.raises(TooManySent):
        send(sender, receiver)
    send(receiver, sender)
    execute("UPDATE bus_storedevent SET recorded_at = recorded_at - interval '1 minute'")
    send(sender, receiver)


def test_somebody_elses_session_is_as_one_that_is_not_there(alice: User, bob: User) -> None:
    sender, theirs = told(alice), told(bob)
    with pytest.raises(NotFound) as there:
        send(sender, theirs)
    with pytest.raises(NotFound) as nothing:
        send(sender, Story(nowhere := uuid4(), sender.actor))
    assert str(there.value).replace(str(theirs.id), "*") == str(nothing.value).replace(str(nowhere), "*")
    with pytest.raises(NotFound):
        Story(sender.id, Actor("staff", str(bob.pk))).tell(SendToSession, to=theirs.id, content="x")
    with pytest.raises(Invalid):
        send(sender, sender)


def test_a_run_that_claims_to_be_asked_by_anothers_session_answers_nobody(alice: User, bob: User) -> None:
    victim, forger = told(alice), told(bob)
    note = {"from": str(victim.id), "message": str(uuid4()), "hops": 0}
    do(ask(forger, metadata={"coordination": note}))
    delivered()
    assert texts(victim) == []


def test_a_receiver_that_is_gone_is_told_to_the_sender_and_stops_nobody(alice: User) -> None:
    sender, receiver = told(alice), told(alice)
    send(sender, receiver)
    receiver.tell(commands.DeleteSession)
    delivered()
    assert "was not delivered" in texts(sender)[0][1]


def test_sessions_do_not_pass_things_on_for_ever(alice: User, settings: Settings) -> None:
    settings.MESSAGE_HOPS = 2
    one, two = told(alice), told(alice)
    first = send(one, two, answer=False)
    delivered()
    second = send(two, one, reply_to=first, answer=False)
    delivered()
    with pytest.raises(TooManyHops):
        send(one, two, reply_to=second)


def test_a_model_writes_to_another_session_and_waits_for_its_answer(alice: User) -> None:
    receiver = told(alice, text="42")
    call = {"name": "send_to_session", "args": {"to": str(receiver.id), "content": "what is it?"}}
    sender = told(alice, tools=["send_to_session"], tool=call)
    run = ask(sender)
    from bus.work import runner

    assert runner.run(run)
    until(run, state="running")
    while not Run.objects.filter(session=receiver.id).exists():
        delivered()
    do(run_of(receiver).id)
    delivered()
    assert settled(run).state == "completed"
    assert texts(sender)[-1] == ("assistant", f"[echo] [answer from session {receiver.id}]\n[echo] 42")


def test_a_model_that_was_written_to_counts_its_hops_and_is_told_when_they_are_used_up(
    alice: User, settings: Settings
) -> None:
    settings.MESSAGE_HOPS = 1
    first = told(alice)
    call = {"name": "send_to_session", "args": {"to": str(first.id), "content": "you do it", "wait_seconds": 0}}
    second = told(alice, tools=["send_to_session"], tool=call)
    send(first, second)
    delivered()
    do(run_of(second).id)
    assert "passed this on too often" in texts(second)[-1][1]
