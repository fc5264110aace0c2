"""Conversations to plan with: by hand, and any that hypothesis can think of."""

import itertools
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from sessions_app.llm.context import count
from sessions_app.llm.context.plan import Item, Plan
from sessions_app.values import Content, Part, Role, TextPart, ToolCallPart, ToolResultPart, parts

LETTERS = {"s": Role.SYSTEM, "u": Role.USER, "a": Role.ASSISTANT, "t": Role.TOOL, "S": Role.SUMMARY}


def ident(number: int) -> UUID:
    """The id of the message at this position."""
    return UUID(int=number)


def item(position: int, role: Role, content: str | Content, **fields: Any) -> Item:
    """A message, counted."""
    content = parts(content)
    tokens = fields.pop("tokens", None) or count.message(content)
    return Item(id=ident(position), position=position, role=role, content=content, tokens=tokens, **fields)


def conversation(letters: str, tokens: int = 100) -> list[Item]:
    """Messages by the letters of their roles, each of so many tokens; positions from 1."""
    return [item(position, LETTERS[letter], "x" * 4 * (tokens - 4)) for position, letter in enumerate(letters, start=1)]


def call(ident: str = "c1", **args: Any) -> ToolCallPart:
    """A tool call."""
    return ToolCallPart(tool_call_id=ident, name="look", args=args)


def result(text: str, ident: str = "c1") -> ToolResultPart:
    """A tool's answer."""
    return ToolResultPart(tool_call_id=ident, content=text)


def outcomes(plan: Plan) -> str:
    """The first letters of what becomes of each message."""
    return "".join(decision.outcome[0] for decision in plan.decisions)


def codes(plan: Plan) -> list[str]:
    """Why, for each message."""
    return [decision.code for decision in plan.decisions]


texts = st.builds(str.__mul__, st.sampled_from(["word ", "日本", "\N{SNOWMAN}", " "]), st.integers(0, 60))
few = st.integers(0, 9)


@st.composite
def messages(draw: st.DrawFn, position: int, ids: list[str]) -> Item:
    """One message: of any role, pinned or not, with tool calls and results of few ids, so that they meet or not."""
    role = draw(st.sampled_from([Role.USER, Role.ASSISTANT, *Role, Role.TOOL]))
    content: list[Part] = [TextPart(text=text) for text in draw(st.lists(texts, max_size=2))]
    odd = draw(few) == 0
    if odd or role is Role.ASSISTANT:
        content += [call(one, n=1) for one in draw(st.lists(st.sampled_from(ids), max_size=2))]
    if odd or role in (Role.TOOL, Role.FUNCTION):
        long = 100 * draw(few)
        content += [result("found " * long, one) for one in draw(st.lists(st.sampled_from(ids), max_size=2))]
    earlier = st.frozensets(st.integers(1, position + 2).map(ident), max_size=6)
    return item(
        position,
        role,
        content,
        pinned=draw(few) == 1,
        excluded=draw(few) == 1,
        covers=draw(earlier) if role is Role.SUMMARY else frozenset(),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Item]:
    """Any conversation, however odd; not always in order."""
    numbers = itertools.count(1)
    items = [draw(messages(next(numbers), ["c1", "c2", "c3"])) for _ in range(draw(st.integers(0, 14)))]
    return draw(st.permutations(items))


scores = st.dictionaries(st.integers(1, 14).map(ident), st.floats(), max_size=10)
budgets = st.one_of(st.integers(0, 400), st.integers(400, 5_000))
strategies = st.sampled_from(["truncate", "summarize", "relevance", "adaptive"])
