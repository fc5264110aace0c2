"""The registry of tools: what a model is told, and what becomes of its calls."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from django.db import connection, connections
from msgspec import Meta

from bus.exceptions import NotFound, RegistrationError
from bus.messages import Actor
from sessions_app.llm import tools
from sessions_app.llm.tools import ToolContext, ToolError, ToolRegistry, UnknownTool

EVERYTHING = frozenset({"look", "add"})
CONTEXT = ToolContext(session_id=UUID(int=1), run_id=UUID(int=2), owner=Actor("user", "1"), allowed=EVERYTHING)


@pytest.fixture
def registry() -> ToolRegistry:
    """A table of one's own."""
    return ToolRegistry()


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Holds tools up until the test ends."""
    event = threading.Event()
    yield event
    event.set()


def look(function: Any) -> ToolRegistry:
    """A registry with this one tool, called `look`."""
    registry = ToolRegistry()
    registry.tool(name="look")(function)
    return registry


def test_a_function_becomes_a_tool_with_a_schema(registry: ToolRegistry) -> None:
    @registry.tool()
    def add(
        context: ToolContext,
        one: int,
        other: Annotated[int, Meta(ge=0, description="what to add")] = 1,
        words: list[str] | None = None,
    ) -> str:
        """Add two numbers."""
        return str(one + other)

    [spec] = registry.specs(["add", "add"])
    assert (spec.name, spec.description) == ("add", "Add two numbers.")
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "one": {"type": "integer"},
            "other": {"type": "integer", "minimum": 0, "description": "what to add", "default": 1},
            "words": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None},
        },
        "required": ["one"],
        "additionalProperties": False,
    }
    assert registry.run("add", {"one": 1}, CONTEXT) == "2"
    assert registry.run("add", {"one": "1", "other": 2}, CONTEXT) == "3"  # models write numbers as text at times


def test_a_nested_type_is_part_of_the_schema() -> None:
    class Place(msgspec.Struct):
        """A place."""

        city: str

    registry = ToolRegistry()
    registry.tool(name="look")(_looks_at(Place))
    [spec] = registry.specs(["look"])
    assert spec.parameters["type"] == "object"
    assert spec.parameters["properties"]["place"] == {"$ref": "#/$defs/Place"}
    assert spec.parameters["$defs"]["Place"]["properties"] == {"city": {"type": "string"}}
    assert registry.run("look", {"place": {"city": "Bonn"}}, CONTEXT) == "Bonn"


def _looks_at(kind: type) -> Any:
    def function(place: Any) -> str:
        return str(place.city)

    function.__annotations__["place"] = kind
    return function


def test_a_name_is_taken_once_and_only_if_it_is_one(registry: ToolRegistry) -> None:
    registry.tool(name="look")(lambda: "")
    for name in ("look", "two words", "x" * 65, "ä"):
        with pytest.raises(RegistrationError):
            registry.tool(name=name)(lambda: "")


def test_a_parameter_needs_a_type(registry: ToolRegistry) -> None:
    def many(*args: int) -> str:
        return ""

    for function in (lambda x: x, many):
        with pytest.raises(RegistrationError):
            registry.tool(name="look")(function)


def test_a_tool_that_is_not_there_cannot_be_offered(registry: ToolRegistry) -> None:
    with pytest.raises(UnknownTool, match="'look'; there are: none"):
        registry.specs(["look"])


@pytest.mark.parametrize("name", ["nothing", "secret", "x" * 5_000])
def test_a_tool_that_was_not_offered_is_not_run(registry: ToolRegistry, name: str) -> None:
    ran = []
    registry.tool(name="secret")(lambda: ran.append(1))
    answer = registry.run(name, {}, CONTEXT)
    assert answer == f"There is no tool called {name[:64]!r} here. There are: add, look."
    assert ran == []


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({}, "missing required field `one`"),
        ({"one": "x"}, "Expected `int`, got `str` - at `$.one`"),
        ({"one": 1, "two": 2}, "unknown field `two`"),
        ({"one": 2**70}, "Integers must fit in 64 bits"),
        ({"one": 1, "word": "\x00"}, "NUL"),
        (None, "not a JSON object"),
    ],
)
def test_wrong_arguments_are_told_to_the_model(args: dict[str, Any] | None, why: str) -> None:
    ran = []

    def function(one: int, word: str = "") -> None:
        ran.append(one)

    answer = look(function).run("look", args, CONTEXT)
    assert answer.startswith("look was not run")
    assert why in answer
    assert ran == []


def test_a_tool_that_needs_approval_is_run_only_with_it(registry: ToolRegistry) -> None:
    ran = []
    registry.tool(name="look", approval=True)(lambda: ran.append(1))
    assert registry.needs_approval("look")
    assert not registry.needs_approval("nothing")
    assert "needs the approval of a person" in registry.run("look", {}, CONTEXT)
    assert ran == []
    assert registry.run("look", {}, CONTEXT, approved=True) == "null"
    assert ran == [1]


def raising(error: Exception) -> ToolRegistry:
    """A tool that fails so."""

    def function() -> str:
        raise error

    return look(function)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ToolError("The sun has set."), "look failed: The sun has set."),
        (NotFound("Session not found"), "look failed: Session not found"),
        (TimeoutError("upstream"), "look failed: it ran into a timeout."),
        (ValueError("postgres://user:password@host"), "look failed with an unexpected ValueError."),
    ],
)
def test_a_failure_becomes_a_text_that_gives_nothing_away(error: Exception, said: str) -> None:
    assert raising(error).run("look", {}, CONTEXT) == said


def test_an_unexpected_failure_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    raising(ValueError("the reason")).run("look", {}, CONTEXT)
    assert "the reason" in caplog.text
    assert str(CONTEXT.run_id) in caplog.text


def test_a_tool_that_takes_too_long_is_not_waited_for(registry: ToolRegistry, held: threading.Event) -> None:
    registry.tool(name="look", timeout=0.05)(lambda: str(held.wait()))
    assert registry.run("look", {}, CONTEXT) == "look did not answer within 0.05 seconds."


def test_tools_are_run_by_a_bounded_number_of_threads(
    registry: ToolRegistry, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(tools, "_threads", lambda: pool)
        registry.tool(name="look", timeout=0.05)(lambda: str(held.wait()))
        registry.run("look", {}, CONTEXT)
        assert registry.run("look", {}, CONTEXT) == "look was not run: too many tools are at work. Try again later."
        held.set()


def test_a_long_result_is_cut_and_a_strange_one_cleaned() -> None:
    answer = look(lambda: "x" * 20_000).run("look", {}, CONTEXT)
    assert answer == "x" * 16_000 + "\n[cut off: 4000 more characters]"
    assert look(lambda: "a\x00b\ud800c").run("look", {}, CONTEXT) == "a\ufffdb\ufffdc"
    assert look(lambda: {"a": [1]}).run("look", {}, CONTEXT) == '{"a":[1]}'
    assert "TypeError" in look(object).run("look", {}, CONTEXT)


def test_a_tool_learns_for_whom_it_works() -> None:
    def function(whose: ToolContext) -> str:
        return f"{whose.owner} {whose.session_id}"

    registry = look(function)
    assert registry.run("look", {}, CONTEXT) == f"user:1 {CONTEXT.session_id}"
    assert registry.specs(["look"])[0].parameters["properties"] == {}
    assert "unknown field `whose`" in registry.run("look", {"whose": {"owner": "system"}}, CONTEXT)


@pytest.mark.django_db(transaction=True)
def test_a_tool_gives_its_database_connection_back() -> None:
    used: list[Any] = []

    def function() -> str:
        connection.ensure_connection()
        used.append(connections["default"])
        return "asked" if used[-1].connection else ""

    assert look(function).run("look", {}, CONTEXT) == "asked"
    assert used[0] is not connections["default"]
    assert used[0].connection is None
