"""Loading: by name, from entry points, whose is what; and that a plugin that cannot be loaded leaves nothing behind."""

from pathlib import Path

import pytest

from bus import checks, plugins
from bus.registry import Registry, default
from sessions_app.llm import tools
from tests.sessions_app.plugins.support import with_plugin

HERE = "tests.sessions_app.plugins"
SHIPPED = {"memory", "coordination", "goals"}


def test_the_shipped_plugins_are_on_by_default_and_know_what_is_theirs() -> None:
    assert {name for name, one in plugins.loaded.items() if not one.error} >= SHIPPED
    assert {kind.type: name for kind, name in default.plugins.items()} == {
        "recall": "memory",
        "send-to-session": "coordination",
        "set-goal": "goals",
        "update-goal": "goals",
        "close-goal": "goals",
        "review-goals": "goals",
    }
    assert {name: default.subscribers[name].plugin for name in ("memory", "coordination")} == {
        "memory": "memory",
        "coordination": "coordination",
    }
    assert {one.plugin for one in default.reactions["run-completed"]} == {"", "goals"}
    assert {name: found.plugin for name, found in tools.default.tools.items() if found.plugin} == {
        "recall": "memory",
        "send_to_session": "coordination",
    }


def test_the_shipped_plugins_leave_the_frequent_command_a_single_statement() -> None:
    assert not default.reactions.get("message-added")


@pytest.mark.parametrize(
    ("module", "error"),
    [
        ("half_plugin", "SystemExit: the plugin is not for this machine"),
        ("no_such_plugin", f"ModuleNotFoundError: No module named '{HERE}.no_such_plugin'"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_left_out_and_reported(
    module: str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = (dict(default.commands), dict(default.handlers), dict(tools.default.tools))
    with with_plugin("half", f"{HERE}.{module}") as loaded:
        assert loaded.error == error
        assert (default.commands, default.handlers, tools.default.tools) == before
        (warning,) = checks.every_plugin_is_loaded()
        assert warning.id == "bus.W002"
        assert error in warning.msg
    assert "could not be loaded; the server goes on without it" in caplog.text
    assert checks.every_plugin_is_loaded() == []


def test_a_plugin_that_takes_what_is_taken_is_left_out() -> None:
    with with_plugin("once", f"{HERE}.bad_plugin") as first:
        assert first.error == ""
        registry = Registry()
        registry.subscribes_to("run-*", name="bad")(print)
        plugins.load(default, {"again": "tests.harness.no_plugin"})
        assert plugins.loaded.pop("again").error


def test_plugins_come_from_the_setting_and_from_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "nice_plugin-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: nice-plugin\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[parley.plugins]\nnice = nice_plugin\ntwice = ours.praise\n[other]\nx = y\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    named = plugins.named(["ours.praise", "theirs.praise"])
    assert named == {"praise": "ours.praise", "theirs.praise": "theirs.praise", "nice": "nice_plugin"}
