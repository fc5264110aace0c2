"""The tools every server has."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from bus.messages import Actor, uuid7
from sessions_app import commands
from sessions_app.llm import builtin_tools, tools
from sessions_app.llm.arithmetic import NotArithmetic, evaluate, written
from sessions_app.llm.tools import ToolContext
from tests.story import Story, assert_replay_rebuilds_the_same_rows

ALL = frozenset({"clock", "calculator", "session_search"})


def context(story: Story, owner: Actor) -> ToolContext:
    """For a run in the story's session."""
    return ToolContext(session_id=story.id, run_id=uuid7(), owner=owner, allowed=ALL)


def test_they_can_all_be_offered() -> None:
    specs = tools.specs(ALL)
    assert {spec.name for spec in specs} == ALL
    assert all(spec.description and spec.parameters["type"] == "object" for spec in specs)


def test_the_clock_tells_the_time_of_a_zone() -> None:
    before = datetime.now(ZoneInfo("Europe/Berlin")).replace(microsecond=0)
    weekday, told = builtin_tools.clock("Europe/Berlin").split(", ")
    now = datetime.fromisoformat(told.removesuffix(" (Europe/Berlin)"))
    assert before <= now <= datetime.now(ZoneInfo("Europe/Berlin"))
    assert now.utcoffset() == before.utcoffset()
    assert weekday in {f"{before:%A}", f"{now:%A}"}
    assert builtin_tools.clock().endswith("+00:00 (UTC)")


@pytest.mark.parametrize("zone", ["Nowhere", "", "/etc/passwd", "../../etc/passwd", "Europe", "a" * 64])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(tools.ToolError, match="no time zone"):
        builtin_tools.clock(zone)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("0.1 + 0.2", "0.3"),
        ("(1 + 2) * 3 - -4", "13"),
        ("10 / 4", "2.5"),
        ("10 / 5", "2"),
        ("1 / 3", "0." + "3" * 50),
        ("2 ^ 10", "1024"),
        ("2 ** 100", "1267650600228229401496703205376"),
        ("2 ** -1", "0.5"),
        ("-7 // 2", "-4"),
        ("-7.0 // 2", "-4"),
        ("-7 % 3", "2"),
        ("-7.5 % 2", "0.5"),
        ("sqrt(16) + abs(-2)", "6"),
        ("round(2.345, 2)", "2.34"),
        ("round(1234, -2)", "1200"),
        ("round(2.5)", "2"),
        ("max(1, 2.5, 2)", "2.5"),
        ("min(3, 2)", "2"),
        ("1_000 * 1e3", "1000000"),
        ("1e-30 / 3", "3." + "3" * 49 + "e-31"),
        ("0 * 1.50", "0"),
        ("0x10", "16"),
    ],
)
def test_the_calculator_is_exact(expression: str, value: str) -> None:
    assert builtin_tools.calculator(expression) == value


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("1 / 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("1.0 // 0", "division by zero"),
        ("9 ** 9 ** 9", "too large"),
        ("9.5 ** 9 ** 9", "too large"),
        ("1.0000001 ** 10 ** 300", "too large"),
        ("*".join(["9 ** 3000"] * 5), "too large"),
        ("1e9999", "too large"),
        ("sqrt(-1)", "not defined"),
        ("0 ** -1", "not defined|division|too large"),
        ("round(1, 0.5)", "digits"),
        ("round(1, 999999999)", "digits"),
        ("abs()", "not defined"),
        ("max(1)", "not defined"),
        ("1 +", "cannot be read"),
        ("(" * 240 + "1" + ")" * 240, "cannot be read"),
        ("1 2", "cannot be read"),
        ("1if 2else 3", "cannot be read|understood"),
        ("", "understood"),
        ("x", "understood"),
        ("True", "understood"),
        ("1j", "understood"),
        ("'a' * 9", "understood"),
        ("[1]", "understood"),
        ("1 < 2", "understood"),
        ("~1", "understood"),
        ("1 << 99999", "understood"),
        ("abs.__class__", "understood"),
        ("().__class__", "understood"),
        ("__import__('os')", "understood"),
        ("max(*1)", "understood"),
        ("round(number=1)", "understood"),
        ("lambda: 1", "understood"),
        ("1" * 501, "longer"),
    ],
)
def test_what_is_no_arithmetic_or_too_much_is_refused(expression: str, why: str) -> None:
    with pytest.raises(tools.ToolError, match=why):
        builtin_tools.calculator(expression)


def test_values_have_their_kind() -> None:
    assert type(evaluate("4 / 2")) is int
    assert type(evaluate("4 / 3")) is Decimal
    assert written(Decimal("1E+2")) == "100"
    with pytest.raises(NotArithmetic):
        evaluate("x")


def test_a_session_can_be_searched_by_its_owner(story: Story) -> None:
    story.tell(commands.AddMessage, content="The cellar key hangs behind the door.")
    story.tell(commands.AddMessage, content="Something else.", role="assistant")
    found = builtin_tools.session_search(context(story, story.actor), "key cellar")
    assert found == "[2] user: The cellar key hangs behind the door."
    assert builtin_tools.session_search(context(story, story.actor), "attic") == "Nothing was found."
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The key.", "The key."),
        ("x" * 1_000 + " Key " + "y" * 1_000, "… " + "x" * 99 + " Key " + "y" * 296 + " …"),
        ("Key" + "y" * 1_000, "Key" + "y" * 397 + " …"),
        ("x" * 1_000 + "key", "… " + "x" * 100 + "key"),
        ("x" * 1_000, "x" * 400 + " …"),
    ],
)
def test_of_a_long_message_the_passage_with_the_word_is_shown(text: str, shown: str) -> None:
    assert builtin_tools.passage(text, '"key" -other') == shown


@pytest.mark.django_db(transaction=True)
def test_a_session_cannot_be_searched_by_another(story: Story, bob: User) -> None:
    story.tell(commands.AddMessage, content="The cellar key hangs behind the door.")
    args = {"query": "key"}
    assert "cellar key" in tools.run("session_search", args, context(story, story.actor))
    answer = tools.run("session_search", args, context(story, Actor("user", str(bob.pk))))
    assert answer == f"session_search failed: Session not found with ID: {story.id}"
