"""Summaries: wanted, checked, in force, undone. Letters stand for roles as in test_strategies; each 100 tokens."""

import msgspec
import pytest

from sessions_app.llm.base import FinishReason
from sessions_app.llm.context import count
from sessions_app.llm.context.plan import Item, Plan
from sessions_app.llm.context.planner import plan
from sessions_app.llm.context.summarize import flaw
from sessions_app.values import Role, text_of
from tests.sessions_app.context.support import codes, conversation, ident, item, outcomes


def with_summary(letters: str, *covers: int) -> list[Item]:
    """A conversation whose last S stands for these messages."""
    items = conversation(letters)
    place = letters.rindex("S")
    items[place] = msgspec.structs.replace(items[place], covers=frozenset(map(ident, covers)))
    return items


def test_a_summary_stands_where_its_messages_stood() -> None:
    made = plan(with_summary("suauaSua", 2, 3), 10_000, "truncate")
    assert outcomes(made) == "ksskkkkk"
    assert [turn.role for turn in made.turns] == ["system", "summary", "user", "assistant", "user", "assistant"]


def test_excluding_a_summary_brings_its_messages_back() -> None:
    items = with_summary("suauaSua", 2, 3)
    items[5] = msgspec.structs.replace(items[5], excluded=True)
    assert outcomes(plan(items, 10_000, "truncate")) == "kkkkkekk"


def test_a_later_summary_stands_for_the_earlier_one_and_what_it_stood_for() -> None:
    items = with_summary("uauaSuaSua", 5, 6, 7)
    items[4] = msgspec.structs.replace(items[4], covers=frozenset(map(ident, (1, 2, 3, 4))))
    made = plan(items, 10_000, "summarize")
    assert outcomes(made) == "ssssssskkk"
    assert [turn.role for turn in made.turns] == ["summary", "user", "assistant"]


def test_an_exchange_of_which_a_summary_knows_only_a_part_stays() -> None:
    assert outcomes(plan(with_summary("uauaSua", 1, 2, 3), 10_000, "truncate")) == "sskkkkk"


def test_a_summary_cannot_stand_for_what_came_after_it() -> None:
    assert outcomes(plan(with_summary("uaSuaua", 1, 2, 4, 5), 10_000, "truncate")) == "sskkkkk"


def test_a_summary_goes_only_when_nothing_else_can() -> None:
    items = with_summary("uauaSuaua", 1, 2, 3, 4)
    assert outcomes(plan(items, 300, "truncate")) == "sssskddkk"
    made = plan(items, 299, "truncate")
    assert outcomes(made) == "ssssdddkk"
    assert codes(made)[4] == "no-room"


def test_a_summary_is_wanted_of_the_oldest_exchanges_and_the_request_does_without_meanwhile() -> None:
    made = plan(conversation("s" + "ua" * 10, tokens=1_000), 20_000, "summarize")
    wanted = made.wanted_summary
    assert wanted is not None
    assert made.method == "summarize"
    assert outcomes(made) == "k" + "d" * 2 + "k" * 18
    assert codes(made)[1:3] == ["awaits-summary"] * 2
    assert wanted.ids == tuple(map(ident, range(2, 16)))  # what remains takes half of the budget, or less
    assert wanted.source_tokens == 14_000
    assert [turn.role for turn in wanted.turns] == ["system", "user"]
    assert count.turns(wanted.turns) + wanted.max_tokens <= 20_000
    assert wanted.metadata()["summarized_messages"] == [str(one) for one in wanted.ids]


def recorded(items: list[Item], made: Plan) -> list[Item]:
    """The conversation after the wanted summary was made."""
    assert made.wanted_summary is not None
    covers = frozenset(made.wanted_summary.ids)
    return [*items, item(items[-1].position + 1, Role.SUMMARY, "what was said", covers=covers)]


def test_the_summary_makes_room_and_is_carried_on_by_the_next() -> None:
    items = conversation("s" + "ua" * 10, tokens=1_000)
    items = recorded(items, plan(items, 20_000, "summarize"))
    made = plan(items, 20_000, "summarize")
    assert (made.method, made.wanted_summary) == ("full", None)
    assert made.tokens < 10_000
    items += [item(one, Role.USER, "y" * 4_000) for one in range(100, 115)]
    wanted = plan(items, 20_000, "summarize").wanted_summary
    assert wanted is not None
    assert wanted.ids[0] == items[21].id
    assert "what was said" in text_of(wanted.turns[1].content)
    assert not set(wanted.ids) & set(map(ident, range(2, 16)))


def test_a_summary_is_wanted_only_of_what_the_model_can_read_at_once() -> None:
    items = [item(1, Role.SYSTEM, "x" * 48_000), *conversation("ua" * 10, tokens=1_000)[1:]]
    wanted = plan(items, 16_000, "summarize").wanted_summary
    assert wanted is not None
    assert wanted.ids == tuple(map(ident, range(2, 15)))
    assert 14_000 < count.turns(wanted.turns) + wanted.max_tokens <= 16_000


def test_no_summary_is_wanted_where_its_source_is_too_long_to_be_read() -> None:
    items = conversation("uaua")
    items[0] = item(1, Role.USER, "x" * 8_000)
    made = plan(items, 1_000, "summarize")
    assert (made.wanted_summary, made.method) == (None, "truncate")


@pytest.mark.parametrize(
    ("text", "finish", "why"),
    [
        ("", "stop", "empty"),
        (" \n", "stop", "empty"),
        ("They spoke of", "length", "cut off"),
        ("They spoke of", "content_filter", "content_filter"),
        ("x" * 100_000, "stop", "source only 14000"),
    ],
)
def test_a_bad_summary_is_refused(text: str, finish: FinishReason, why: str) -> None:
    wanted = plan(conversation("ua" * 10, tokens=1_000), 19_000, "summarize").wanted_summary
    assert wanted is not None
    assert why in (flaw(text, finish, wanted) or "")


def test_a_good_summary_is_accepted() -> None:
    wanted = plan(conversation("ua" * 10, tokens=1_000), 19_000, "summarize").wanted_summary
    assert wanted is not None
    assert flaw("They spoke of x.", "stop", wanted) is None
