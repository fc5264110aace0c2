"""The admin of sessions and messages: what operators save becomes commands, and nothing else."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from bus.admin import difference
from bus.bus import bus
from bus.exceptions import Forbidden
from bus.models import StoredEvent
from sessions_app import commands
from sessions_app.models import Message, Session
from sessions_app.values import merge
from tests.story import Story, assert_replay_rebuilds_the_same_rows
from tests.web.browser import said

SESSIONS = "/admin/sessions_app/session/"
MESSAGES = "/admin/sessions_app/message/"


def session_form(session: Session, **changes: Any) -> dict[str, Any]:
    """The change form as a browser would send it, with these changes."""
    fields: dict[str, Any] = {"title": session.title, "is_active": "on"}
    for name in ("metadata", "config"):
        fields[name] = fields[f"initial-{name}"] = json.dumps(getattr(session, name))
    return {name: value for name, value in (fields | changes).items() if value is not None}


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_a_session_is_added_by_a_command(staff: Client, charlie: User) -> None:
    config = {"provider": "echo", "model": "echo", "temperature": 0.5}
    fields = {"title": "Made by staff", "metadata": "{}", "config": json.dumps(config)}
    response = staff.post(f"{SESSIONS}add/", fields)
    assert response.headers["Location"] == SESSIONS
    session = Session.objects.get()
    assert (session.title, session.owner, session.config) == ("Made by staff", charlie, config)
    event = StoredEvent.objects.get(type="session-created")
    assert (event.type, event.actor) == ("session-created", f"staff:{charlie.pk}")
    assert_replay_rebuilds_the_same_rows()


def test_a_session_is_changed_by_a_command_that_says_what_was_changed(staff: Client, story: Story) -> None:
    story.tell(commands.UpdateSession, metadata={"keep": 1, "drop": {"a": 1, "b": 2}})
    before = Session.objects.get()
    fields = session_form(before, title="Renamed", is_active=None, metadata=json.dumps({"keep": 1, "drop": {"b": 3}}))
    assert staff.post(f"{SESSIONS}{story.id}/change/", fields).headers["Location"] == SESSIONS
    session = Session.objects.get()
    assert (session.title, session.is_active) == ("Renamed", False)
    assert session.metadata == {"keep": 1, "drop": {"b": 3}}
    assert story.types(after=2) == ["session-updated"]
    assert_replay_rebuilds_the_same_rows()


def test_configuration_is_changed_and_removed(staff: Client, story: Story) -> None:
    first = {"provider": "echo", "model": "echo", "temperature": 1.0, "provider_options": {"delay": 1, "repeat": 2}}
    second = {"provider": "echo", "model": "echo", "provider_options": {"repeat": 2}}
    for config in (first, second):
        fields = session_form(Session.objects.get(), config=json.dumps(config))
        staff.post(f"{SESSIONS}{story.id}/change/", fields)
        assert Session.objects.get().config == config
    assert_replay_rebuilds_the_same_rows()


def test_what_others_changed_meanwhile_stays(staff: Client, story: Story) -> None:
    stale = session_form(Session.objects.get(), metadata=json.dumps({"mine": 1}))
    story.tell(commands.UpdateSession, metadata={"theirs": 2})
    staff.post(f"{SESSIONS}{story.id}/change/", stale)
    assert Session.objects.get().metadata == {"theirs": 2, "mine": 1}


def test_saving_without_a_change_records_nothing(staff: Client, story: Story) -> None:
    staff.post(f"{SESSIONS}{story.id}/change/", session_form(Session.objects.get()))
    assert story.types() == ["session-created"]


@pytest.mark.parametrize(
    "changes",
    [
        {"config": '{"provider": "echo"}'},
        {"config": '{"provider": "echo", "model": "echo", "temperature": 9}'},
        {"config": '{"provider": "echo", "model": "echo", "colour": "red"}'},
        {"config": "[]"},
        {"config": '"echo"'},
        {"config": "no json"},
        {"metadata": "[1]"},
        {"metadata": '{"nul": "\\u0000"}'},
        {"metadata": '{"big": 99999999999999999999}'},
        {"title": "x" * 201},
    ],
)
def test_what_a_command_cannot_take_is_an_error_beside_the_form(
    staff: Client, story: Story, changes: dict[str, Any]
) -> None:
    new = {"title": "", "metadata": "{}", "config": '{"provider": "echo", "model": "echo"}', **changes}
    forms = (
        (f"{SESSIONS}{story.id}/change/", session_form(Session.objects.get(), **changes)),
        (f"{SESSIONS}add/", new),
    )
    for path, fields in forms:
        response = staff.post(path, fields)
        assert response.status_code == 200
        assert "errornote" in said(response)
    assert story.types() == ["session-created"]
    assert Session.objects.count() == 1


def test_a_session_is_deleted_by_a_command(staff: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="hello")
    confirmation = said(staff.get(f"{SESSIONS}{story.id}/delete/"))
    assert "Are you sure" in confirmation
    assert staff.post(f"{SESSIONS}{story.id}/delete/", {"post": "yes"}).headers["Location"] == SESSIONS
    assert not Session.objects.exists()
    assert story.types() == ["session-created", "message-added", "session-deleted"]
    assert_replay_rebuilds_the_same_rows()


def test_several_sessions_are_deleted_by_commands(staff: Client, story: Story, charlie: User) -> None:
    staff.post(f"{SESSIONS}add/", {"title": "", "metadata": "{}", "config": '{"provider": "echo", "model": "echo"}'})
    ids = [str(ident) for ident in Session.objects.values_list("id", flat=True)]
    chosen = {"action": "delete_selected", "_selected_action": ids}
    assert "Are you sure" in said(staff.post(SESSIONS, chosen))
    staff.post(SESSIONS, chosen | {"post": "yes"})
    assert not Session.objects.exists()
    deleted = StoredEvent.objects.filter(type="session-deleted")
    assert {event.actor for event in deleted} == {f"staff:{charlie.pk}"}
    assert deleted.count() == 2
    assert_replay_rebuilds_the_same_rows()


# -- messages ----------------------------------------------------------------------------------------------------------


def test_a_message_is_added_by_a_command(staff: Client, story: Story, charlie: User) -> None:
    fields = {"session": str(story.id), "role": "user", "content": '"hello"', "metadata": "{}", "answer": "on"}
    assert staff.post(f"{MESSAGES}add/", fields).headers["Location"] == MESSAGES
    message = Message.objects.get()
    assert (message.content, message.tool_call_id) == ([{"type": "text", "text": "hello"}], None)
    assert story.types(after=1) == ["message-added", "run-requested"]
    assert str(story.events()[1].actor) == f"staff:{charlie.pk}"
    assert_replay_rebuilds_the_same_rows()


def test_a_message_is_changed_by_a_command(staff: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="helo", metadata={"a": 1, "b": 2})
    message = Message.objects.get()
    fields = {
        "content": '[{"type": "text", "text": "hello"}]',
        "metadata": '{"b": 2}',
        "initial-metadata": '{"a": 1, "b": 2}',
        "role": "system",
        "session": "elsewhere",
    }
    assert staff.post(f"{MESSAGES}{message.id}/change/", fields).headers["Location"] == MESSAGES
    message.refresh_from_db()
    assert (message.content[0]["text"], message.metadata, message.role) == ("hello", {"b": 2}, "user")
    assert story.types(after=2) == ["message-updated"]
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.parametrize("content", ["{}", "5", '[{"type": "text"}]', '[{"type": "sound"}]', '"\\u0000"', "hello"])
def test_content_that_is_none_is_an_error_beside_the_form(staff: Client, story: Story, content: str) -> None:
    story.tell(commands.AddMessage, content="hello")
    fields = {"session": str(story.id), "role": "user", "content": content, "metadata": "{}"}
    for path in (f"{MESSAGES}add/", f"{MESSAGES}{Message.objects.get().id}/change/"):
        response = staff.post(path, fields)
        assert response.status_code == 200
        assert "errornote" in said(response)
    assert len(story.events()) == 2


def test_what_the_handler_refuses_is_said_and_undone(
    staff: Client, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(*args: object) -> None:
        raise Forbidden("Not on a Sunday.")

    for command in (commands.AddMessage, commands.DeleteSession):
        monkeypatch.setitem(bus.registry.handlers, command, refuse)
    fields = {"session": str(story.id), "role": "user", "content": '"hello"', "metadata": "{}"}
    assert "Not on a Sunday." in said(staff.post(f"{MESSAGES}add/", fields, follow=True))
    assert "Not on a Sunday." in said(staff.post(f"{SESSIONS}{story.id}/delete/", {"post": "yes"}, follow=True))
    chosen = {"action": "delete_selected", "_selected_action": [str(story.id)], "post": "yes"}
    assert "Not on a Sunday." in said(staff.post(SESSIONS, chosen, follow=True))
    assert story.types() == ["session-created"]


def test_messages_cannot_be_deleted(staff: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="hello")
    assert staff.post(f"{MESSAGES}{Message.objects.get().id}/delete/", {"post": "yes"}).status_code == 403
    assert Message.objects.exists()


def test_a_difference_applied_gives_what_was_wanted() -> None:
    old = {"a": 1, "b": {"c": 2, "d": [1]}, "e": {"f": 1}, "g": 1}
    new = {"a": 2, "b": {"d": [1, 2]}, "e": 5, "h": {"i": {}}}
    assert merge(old, difference(old, new)) == new
    assert difference(old, old) == {}
