"""Switching plugins off and on in the admin: effective everywhere soon, without a restart, and nothing is lost."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bus.exceptions import PluginDisabled
from bus.registry import default
from sessions_app import commands
from sessions_app.llm import tools
from sessions_app.models import Plugin
from sessions_app.switches import Switches
from tests.api.caller import Caller, problem
from tests.bus.support import wait_until
from tests.runs import ask, do, told
from tests.sessions_app.plugins.support import delivered, switch, with_plugin
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)
MODULE = "tests.sessions_app.plugins.bad_plugin"
ADMIN = "/admin/sessions_app/plugin/"


@pytest.fixture
def good() -> Iterator[ModuleType]:
    """The plugin, in one of its better hours."""
    with with_plugin("bad", MODULE):
        module = import_module(MODULE)
        module.__dict__["broken"] = False
        module.got.clear()
        yield module


@pytest.fixture
def staff(charlie: User) -> Client:
    """A browser in which Charlie is logged in."""
    client = Client()
    client.force_login(charlie)
    return client


def test_the_admin_lists_what_is_installed_and_what_could_not_be_loaded(staff: Client, good: ModuleType) -> None:
    with with_plugin("half", "tests.sessions_app.plugins.half_plugin"):
        page = staff.get(ADMIN).content.decode()
    for said in ("memory", "coordination", "goals", "could not be loaded: SystemExit"):
        assert said in page
    assert staff.get(f"{ADMIN}add/").status_code == 403


def test_a_switch_in_the_admin_stops_a_plugin_at_once_and_starts_it_again(
    staff: Client, good: ModuleType, story: Story
) -> None:
    staff.get(ADMIN)
    address = f"{ADMIN}{Plugin.objects.get(name='bad').pk}/change/"
    assert staff.post(address, {}).status_code == 302
    before = Plugin.objects.get(name="bad")
    assert not before.enabled
    with pytest.raises(PluginDisabled):
        story.tell(good.Praise)
    Plugin.objects.filter(name="bad").update(failures=7)
    staff.post(address, {"enabled": "on"})
    after = Plugin.objects.get(name="bad")
    assert (after.enabled, after.failures) == (True, 0)
    assert after.changed_at > before.changed_at
    assert story.tell(good.Praise).version == 2


def test_a_command_of_a_plugin_that_is_off_is_refused_with_a_problem(alice: User) -> None:
    api = Caller(alice)
    session = api.session()
    switch("goals", on=False)
    body = {"name": "set-goal", "payload": {"session_id": session, "title": "x"}}
    problem(api.post("commands/", body), 409, "plugin-disabled")
    problem(api.post("commands/", body, prefer="respond-async"), 409, "plugin-disabled")


def test_a_subscriber_pauses_and_catches_up(good: ModuleType, story: Story) -> None:
    story.tell(commands.AddMessage, content="one")
    delivered()
    switch("bad", on=False)
    story.tell(commands.AddMessage, content="two")
    delivered("memory", "coordination")
    assert len(good.got) == 1
    switch("bad", on=True)
    delivered()
    assert len(good.got) == 2


def test_tools_of_a_plugin_that_is_off_are_not_offered_and_the_chat_goes_on(alice: User, good: ModuleType) -> None:
    names = ["clock", "bad_tool"]
    assert [spec.name for spec in tools.specs(names)] == names
    switch("bad", on=False)
    assert [spec.name for spec in tools.specs(names)] == ["clock"]
    story = told(alice, tools=names, tool={"name": "bad_tool"})
    assert do(ask(story)).state == "completed"
    context = tools.ToolContext(session_id=story.id, run_id=story.id, owner=story.actor, allowed=frozenset(names))
    assert "switched off" in tools.run("bad_tool", {}, context)


def test_reactions_are_skipped_and_projections_are_not(alice: User, good: ModuleType) -> None:
    good.__dict__["broken"] = True
    story = told(alice)
    story.tell(good.Praise)
    Plugin.objects.filter(name__startswith="praised").delete()
    switch("bad", on=False)
    ask(story)
    assert "error-occurred" not in story.types()
    assert_replay_rebuilds_the_same_rows()
    from bus.log.replay import replay

    replay(default)
    assert Plugin.objects.filter(name=f"praised {story.id}").exists()


def test_another_process_sees_the_switch_within_two_seconds_and_asks_once_a_second(good: ModuleType) -> None:
    other = Switches()
    assert not other.off("bad")
    switch("bad", on=False)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert not any(other.off("bad") for _ in range(1000)), "what was read counts for a second"
    assert len(queries) == 0
    wait_until(lambda: other.off("bad"), "the switch")
