"""A plugin that fails: the chat goes on, it is counted and shown, and it is switched off where it does not stop."""

import logging
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from bus.models import ParkedDelivery
from sessions_app import commands, panels
from sessions_app.models import Plugin, Session
from tests.runs import ask, do, texts, told
from tests.sessions_app.plugins.support import delivered, with_plugin
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)
MODULE = "tests.sessions_app.plugins.bad_plugin"


@pytest.fixture
def bad() -> Iterator[ModuleType]:
    """The plugin that fails everywhere."""
    with with_plugin("bad", MODULE) as loaded:
        assert loaded.error == ""
        yield import_module(MODULE)


def row() -> Plugin:
    """What is known of it."""
    return Plugin.objects.get(name="bad")


def test_the_chat_goes_on_beside_a_plugin_that_fails_everywhere(alice: User, bad: ModuleType) -> None:
    story = told(alice, tools=["bad_tool"], tool={"name": "bad_tool"})
    run = do(ask(story))
    delivered()
    assert run.state == "completed"
    assert texts(story)[-1] == ("assistant", "[echo] bad_tool failed with an unexpected RuntimeError.")
    assert story.types().count("error-occurred") == 2
    assert panels.shown(Session.objects.get(id=story.id)) == []
    assert ParkedDelivery.objects.filter(subscriber="bad").count() == len(texts(story))
    assert not Plugin.objects.filter(name__startswith="left behind").exists()
    assert_replay_rebuilds_the_same_rows()


def test_failures_are_counted_and_the_last_one_is_shown(alice: User, bad: ModuleType) -> None:
    ask(told(alice))
    assert (row().failures, row().failures_total, row().enabled) == (1, 1, True)
    assert row().failing.endswith("bad_plugin.react")
    assert "the reaction is broken" in row().last_error
    assert row().last_error_at is not None


def test_what_fails_again_and_again_is_switched_off_by_itself(
    alice: User, bad: ModuleType, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PLUGIN_FAILURES = 2
    for _ in range(3):
        story = told(alice)
        ask(story)
    assert (row().enabled, row().failures) == (False, 2)
    assert "error-occurred" not in story.types()
    assert "the plugin bad has failed 2 times in a row and is switched off" in caplog.text


def test_a_required_reaction_that_breaks_every_command_is_switched_off_too(
    alice: User, bad: ModuleType, settings: Settings
) -> None:
    settings.PLUGIN_FAILURES = 2
    bad.__dict__.update(broken=False, needed=True)
    story = told(alice)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="required"):
            ask(story)
    assert not row().enabled
    assert do(ask(story)).state == "completed"


def test_only_failures_in_a_row_count(alice: User, bad: ModuleType, settings: Settings) -> None:
    settings.PLUGIN_FAILURES = 2
    for broken in (True, False, True):
        bad.__dict__["broken"] = broken
        ask(told(alice))
    assert (row().enabled, row().failures, row().failures_total) == (True, 1, 2)


def test_a_slow_reaction_is_warned_of_with_its_time(
    alice: User, bad: ModuleType, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PLUGIN_SLOW = 1e-9
    bad.__dict__["broken"] = False
    with caplog.at_level(logging.WARNING, "bus.log.transaction"):
        ask(told(alice))
    assert "plugin bad: reaction tests.sessions_app.plugins.bad_plugin.react took" in caplog.text


def test_a_session_whose_plugin_is_gone_can_be_read_at_any_version(story: Story) -> None:
    from sessions_app.state import state_at

    with with_plugin("bad", MODULE):
        story.tell(import_module(MODULE).Praise)
    story.tell(commands.UpdateSession, title="after")
    assert (state_at(story.id, 3).title, state_at(story.id, 2).version) == ("after", 2)
    assert_replay_rebuilds_the_same_rows()
