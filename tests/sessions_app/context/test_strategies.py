"""Each strategy on conversations one can read: u user, a assistant, t tool, s system, S summary; 100 tokens each."""

from uuid import UUID

import msgspec
import pytest

from sessions_app.llm.context import count
from sessions_app.llm.context.cut import mark
from sessions_app.llm.context.plan import ContextOverflow, Item
from sessions_app.llm.context.planner import plan
from sessions_app.values import Role, Strategy, parts, text_of
from tests.sessions_app.context.support import (
    call,
    codes,
    conversation,
    ident,
    item,
    outcomes,
    result,
)

MARK = count.text(mark(10**6))
LONG_RESULT = "found " * 500


def agent(results: int, answered: bool = True) -> list[Item]:
    """A question, and so many tool calls with long results, then the answer."""
    items = [item(1, Role.USER, "look everywhere")]
    for number in range(results):
        items.append(item(2 + 2 * number, Role.ASSISTANT, [call(f"c{number}")]))
        items.append(item(3 + 2 * number, Role.TOOL, [result(LONG_RESULT, f"c{number}")]))
    return [*items, item(99, Role.ASSISTANT, "nothing")] if answered else items


def total(items: list[Item]) -> int:
    return sum(one.tokens for one in items)


@pytest.mark.parametrize("strategy", ["truncate", "summarize", "relevance", "adaptive"])
def test_what_fits_exactly_is_kept_whole(strategy: Strategy) -> None:
    made = plan(conversation("suaua"), 500, strategy)
    assert outcomes(made) == "kkkkk"
    assert codes(made)[:2] == ["system", "fits"]
    assert (made.method, made.tokens, made.occupancy) == ("full", 500, 1.0)


@pytest.mark.parametrize("strategy", ["truncate", "summarize", "relevance", "adaptive"])
def test_with_an_unknown_window_all_is_kept_and_that_is_said(strategy: Strategy) -> None:
    made = plan(conversation("uaua"), None, strategy)
    assert codes(made) == ["window-unknown", "window-unknown", "last-exchange", "last-exchange"]
    assert made.occupancy is None


def test_truncation_leaves_out_whole_exchanges_oldest_first() -> None:
    made = plan(conversation("suauaua"), 650, "truncate")
    assert outcomes(made) == "kddkkkk"
    assert codes(made) == ["system", "oldest", "oldest", "recent", "recent", "last-exchange", "last-exchange"]


def test_a_gap_is_marked_in_the_turn_after_it() -> None:
    made = plan(conversation("suaua"), 300 + MARK, "truncate")
    assert text_of(made.turns[1].content).startswith(mark(2))
    assert made.tokens == 300 + count.text(mark(2))


def test_a_gap_is_not_marked_where_there_is_no_room_for_the_mark() -> None:
    made = plan(conversation("suaua"), 300, "truncate")
    assert (outcomes(made), made.tokens) == ("kddkk", 300)
    assert not text_of(made.turns[1].content).startswith("[")


def test_a_system_message_stays_where_it_was_said() -> None:
    made = plan(conversation("uasaua"), 10_000, "truncate")
    assert [turn.role for turn in made.turns] == ["user", "assistant", "system", "assistant", "user", "assistant"]


def test_a_pinned_message_keeps_its_exchange() -> None:
    items = conversation("uauaua")
    items[1] = msgspec.structs.replace(items[1], pinned=True)
    made = plan(items, 400 + MARK, "truncate")
    assert outcomes(made) == "kkddkk"
    assert codes(made)[:2] == ["pinned-exchange", "pinned"]


def test_what_cannot_fit_is_said_in_figures() -> None:
    items = conversation("suaua")
    items[1] = msgspec.structs.replace(items[1], pinned=True)
    with pytest.raises(ContextOverflow) as refused:
        plan(items, 499, "truncate")
    assert refused.value.as_problem() | {"detail": ""} == {
        "code": "context-overflow",
        "status": 422,
        "detail": "",
        "budget": 499,
        "needed": 500,
        "parts": {"system": 100, "pinned-exchange": 200, "last-exchange": 200},
    }
    assert "system 100, pinned exchange 200, last exchange 200" in refused.value.detail


def test_an_excluded_message_goes_and_is_no_gap() -> None:
    items = conversation("uaua")
    items[0] = msgspec.structs.replace(items[0], excluded=True, pinned=True)
    made = plan(items, 300, "truncate")
    assert outcomes(made) == "ekkk"
    assert all(not text_of(turn.content).startswith("[") for turn in made.turns)


def test_half_a_tool_call_is_not_sent() -> None:
    made = plan(
        [
            item(1, Role.USER, "look"),
            item(2, Role.ASSISTANT, [*parts("I look twice."), call("c1"), call("c2")]),
            item(3, Role.TOOL, [result("found", "c2")]),
            item(4, Role.TOOL, [result("of nobody's", "c9")]),
            item(5, Role.ASSISTANT, "  "),
        ],
        None,
        "truncate",
    )
    assert codes(made) == ["last-exchange", "mended", "last-exchange", "unpaired", "empty"]
    assert made.turns[1].content == [*parts("I look twice."), call("c2")]


def test_a_result_comes_directly_after_its_call_even_if_somebody_wrote_meanwhile() -> None:
    items = [
        item(1, Role.USER, "look"),
        item(2, Role.ASSISTANT, [call()]),
        item(3, Role.USER, "hurry"),
        item(4, Role.TOOL, [result("found")]),
    ]
    made = plan(items, None, "truncate")
    assert [turn.role for turn in made.turns] == ["user", "assistant", "tool", "user"]
    assert codes(plan(items, total(items) - 1, "truncate")) == ["oldest", "oldest", "last-exchange", "oldest"]


def test_no_exchange_begins_with_a_result_that_somebody_wrote_as_a_user_message() -> None:
    items = [
        item(1, Role.USER, "look"),
        item(2, Role.ASSISTANT, [call()]),
        item(3, Role.USER, [result("found"), *parts("there it is")]),
        item(4, Role.USER, "and now?"),
    ]
    assert outcomes(plan(items, total(items) - 1, "truncate")) == "dddk"


def test_one_id_used_again_and_again_is_told_apart() -> None:
    items = [
        item(1, Role.USER, "look"),
        item(2, Role.ASSISTANT, [call("c0")]),
        item(3, Role.TOOL, [result("one", "c0")]),
        item(4, Role.ASSISTANT, [call("c0")]),
        item(5, Role.TOOL, [result("two", "c0")]),
    ]
    assert outcomes(plan(items, None, "truncate")) == "kkkkk"


def test_relevance_keeps_the_best_in_their_order() -> None:
    made = plan(conversation("uauauauaua"), 600 + 2 * MARK, "relevance", scores={ident(3): 0.1, ident(6): 0.9})
    assert outcomes(made) == "ddddkkkkkk"
    made = plan(conversation("uauauauaua"), 600 + 2 * MARK, "relevance", scores={ident(3): 0.9})
    assert outcomes(made) == "ddkkddkkkk"
    assert [text_of(turn.content)[:2] for turn in made.turns] == ["[2", "xx", "[2", "xx", "xx", "xx"]
    assert codes(made)[:4] == ["least-relevant", "least-relevant", "relevant", "relevant"]


def test_relevance_puts_small_things_back_where_something_large_went() -> None:
    items = conversation("uauauaua")
    items[2] = msgspec.structs.replace(items[2], tokens=1_000)
    made = plan(items, 600 + MARK, "relevance", scores={ident(3): 0.2, ident(1): 0.1})
    assert outcomes(made) == "kkddkkkk"


def test_scores_that_are_no_numbers_count_as_none() -> None:
    scores = {ident(1): float("nan"), ident(3): float("inf"), ident(5): 0.5}
    assert outcomes(plan(conversation("uauauauaua"), 600 + 2 * MARK, "relevance", scores=scores)) == "ddddkkkkkk"


def test_adaptive_shortens_old_tool_results_first() -> None:
    items = [*agent(3), item(100, Role.USER, "and now?")]
    made = plan(items, total(items) - 1, "adaptive")
    assert made.method == "compact"
    assert outcomes(made) == "kkckkkkkk"  # the oldest is enough
    assert "more characters are left out here" in str(made.turns[2].content)
    assert outcomes(plan(items, 600, "adaptive")) == "kkckckckk"


def test_pinned_results_are_not_shortened() -> None:
    items = [*agent(3), item(100, Role.USER, "and now?")]
    items[2] = msgspec.structs.replace(items[2], pinned=True)
    assert outcomes(plan(items, total(items) - 1, "adaptive")) == "kkkkckkkk"


def test_results_the_model_has_not_answered_to_are_not_shortened() -> None:
    items = agent(3, answered=False)
    assert outcomes(plan(items, total(items) - 800, "adaptive")) == "kkckckk"
    with pytest.raises(ContextOverflow):
        plan(items, 700, "adaptive")


@pytest.mark.parametrize(
    ("budget", "scores", "method"),
    [
        (2_000, {ident(1): 1.0}, "full"),
        (1_700, {ident(1): 1.0}, "relevance"),
        (1_700, {}, "summarize"),
        (1_400, {ident(1): 1.0}, "summarize"),
    ],
)
def test_adaptive_does_as_much_as_the_occupancy_asks_for(budget: int, scores: dict[UUID, float], method: str) -> None:
    assert plan(conversation("ua" * 10), budget, "adaptive", scores=scores).method == method


def test_adaptive_truncates_what_cannot_be_summarised() -> None:
    items = [item(1, Role.USER, "x" * 8_000), *conversation("uaua")[1:]]
    assert plan(items, 1_000, "adaptive").method == "truncate"
