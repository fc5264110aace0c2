"""What every plan keeps to, for any conversation, budget and strategy (see `sessions_app/llm/context/plan.py`)."""

import random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sessions_app.llm.context import count
from sessions_app.llm.context.pairs import is_empty, mended, paired
from sessions_app.llm.context.plan import WHY, ContextOverflow, Item, Plan
from sessions_app.llm.context.planner import plan
from sessions_app.values import Role, Strategy, TextPart, ToolCallPart, ToolResultPart
from tests.sessions_app.context import support
from tests.sessions_app.context.support import budgets, histories, strategies

asked = {"items": histories(), "budget": budgets, "strategy": strategies, "scores": support.scores}
thrifty = settings(max_examples=40, deadline=None)
SENT = ("kept", "compacted")


def planned(items: list[Item], budget: int | None, strategy: Strategy, scores: dict[UUID, float]) -> Plan:
    """A plan; a conversation whose indispensable part is too long is not looked at further."""
    try:
        return plan(items, budget, strategy, scores=scores)
    except ContextOverflow:
        assume(False)
        raise


def sendable(items: list[Item]) -> list[Item]:
    """The messages that could be sent if there were room for all, as they would be sent."""
    ordered = sorted(items, key=lambda item: item.position)
    kept = [item for item in ordered if not item.excluded and not is_empty(item.content)]
    return [item for item in mended(kept) if item.content]


def exchanges(items: list[Item]) -> list[list[Item]]:
    """The exchanges, found the simple way."""
    found: list[list[Item]] = []
    pairs = [(call, answer) for (call, _), (answer, _) in paired(items).items()]
    for number, item in enumerate(items):
        if item.role in (Role.SYSTEM, Role.SUMMARY):
            continue
        amid = any(call < number <= answer for call, answer in pairs)
        if not found or (item.role is Role.USER and not amid):
            found.append([])
        found[-1].append(item)
    return found


def outcome_of(made: Plan) -> dict[UUID, str]:
    return {decision.id: decision.outcome for decision in made.decisions}


@thrifty
@given(**asked)
def test_every_message_has_one_decision_in_the_order_of_the_conversation(**given: Any) -> None:
    made = planned(**given)
    assert [decision.id for decision in made.decisions] == sorted(item.id for item in given["items"])
    assert all(decision.why == WHY[decision.code] for decision in made.decisions)
    assert len(made.turns) == sum(decision.outcome in SENT for decision in made.decisions)
    assert made.tokens == sum(decision.tokens for decision in made.decisions)
    assert all((decision.tokens > 0) == (decision.outcome in SENT) for decision in made.decisions)


@thrifty
@given(**asked)
def test_the_budget_is_kept_and_the_estimate_is_that_of_the_turns(**given: Any) -> None:
    made = planned(**given)
    assert made.tokens <= given["budget"]
    assert count.turns(made.turns) <= made.tokens


@thrifty
@given(**asked)
def test_system_and_pinned_messages_and_the_last_exchange_stay(**given: Any) -> None:
    made = outcome_of(planned(**given))
    possible = sendable(given["items"])
    last = {item.id for item in (exchanges(possible) or [[]])[-1]}
    for item in possible:
        if item.role is Role.SYSTEM or item.pinned:
            assert made[item.id] == "kept"
        if item.id in last:
            assert made[item.id] in SENT


@thrifty
@given(**asked)
def test_what_was_excluded_is_not_sent(**given: Any) -> None:
    made = outcome_of(planned(**given))
    assert all((made[item.id] == "excluded") == item.excluded for item in given["items"])


@thrifty
@given(**asked)
def test_a_tool_call_and_its_result_stay_or_go_together(**given: Any) -> None:
    turns = planned(**given).turns
    waiting: set[str] = set()
    for turn in turns:
        for part in turn.content:
            if isinstance(part, ToolCallPart):
                assert part.tool_call_id not in waiting
                waiting.add(part.tool_call_id)
            elif isinstance(part, ToolResultPart):
                waiting.remove(part.tool_call_id)  # raises KeyError for a result without its call
    assert waiting == set()


@thrifty
@given(**asked)
def test_exchanges_stay_or_go_whole(**given: Any) -> None:
    made = outcome_of(planned(**given))
    for exchange in exchanges(sendable(given["items"])):
        assert len({made[item.id] in SENT for item in exchange}) == 1


@thrifty
@given(**asked)
def test_what_is_sent_begins_at_a_user_message_or_where_the_conversation_began(**given: Any) -> None:
    made = planned(**given)
    heard = [turn for turn in made.turns if turn.role not in (Role.SYSTEM, Role.SUMMARY)]
    if heard and heard[0].role is not Role.USER:
        first = exchanges(sendable(given["items"]))[0]
        assert heard[0].role == first[0].role
        assert outcome_of(made)[first[0].id] in SENT


@thrifty
@given(**asked)
def test_order_is_kept(**given: Any) -> None:
    made = planned(**given)
    sent = {decision.id for decision in made.decisions if decision.outcome in SENT}
    expected = [item for item in sendable(given["items"]) if item.id in sent and item.role is not Role.SUMMARY]
    heard = [turn for turn in made.turns if turn.role is not Role.SUMMARY]
    assert [turn.role for turn in heard] == [item.role for item in expected]
    for turn, item in zip(heard, expected, strict=True):
        plain = [part for part in item.content if isinstance(part, TextPart)]
        assert [part for part in turn.content if isinstance(part, TextPart)][-len(plain) or 99 :] == plain


@thrifty
@given(**asked, seed=st.integers())
def test_the_same_conversation_gives_the_same_plan_in_whatever_order_it_comes(seed: int, **given: Any) -> None:
    made = planned(**given)
    random.Random(seed).shuffle(given["items"])
    assert planned(**given) == made


@thrifty
@given(**asked)
def test_planning_again_with_what_was_kept_drops_nothing_more(**given: Any) -> None:
    made = outcome_of(planned(**given))
    kept = [item for item in given["items"] if made[item.id] in SENT]
    again = planned(kept, given["budget"], given["strategy"], given["scores"])
    assert all(decision.outcome in SENT for decision in again.decisions)


@thrifty
@given(items=histories(), strategy=strategies, budget=st.sampled_from([None, 10**9]))
def test_without_a_limit_all_stays_that_no_summary_stands_for(
    items: list[Item], strategy: Strategy, budget: int | None
) -> None:
    made = plan(items, budget, strategy)
    covered = {one for item in items if item.role is Role.SUMMARY for one in item.covers}
    possible = {item.id for item in sendable(items)}
    for decision in made.decisions:
        if decision.id in possible - covered:
            assert decision.outcome == "kept"
        elif decision.id in possible:
            assert decision.outcome in ("kept", "summarised")
    assert made.method == "full"
    assert (made.occupancy is None) == (budget is None)


@thrifty
@given(**asked)
def test_it_overflows_only_if_what_must_stay_does_not_fit(**given: Any) -> None:
    try:
        plan(**given)
        return
    except ContextOverflow as error:
        overflow = error
    possible = sendable(given["items"])
    cut = exchanges(possible)
    must = [item for item in possible if item.role is Role.SYSTEM or (item.pinned and item.role is Role.SUMMARY)]
    must += [
        item
        for number, exchange in enumerate(cut)
        if number == len(cut) - 1 or any(item.pinned for item in exchange)
        for item in exchange
    ]
    assert overflow.extra["needed"] == sum(overflow.extra["parts"].values()) > given["budget"]
    if given["strategy"] != "adaptive":  # which has shortened tool results by then
        assert overflow.extra["needed"] == sum(item.tokens for item in must)


@thrifty
@given(items=histories())
def test_a_result_stands_directly_after_its_call(items: list[Item]) -> None:
    whole = sendable(items)
    for (made, _), (answered, _) in paired(whole).items():
        between = whole[made + 1 : answered]
        answer = whole[answered].content
        made_here = {part.tool_call_id for part in whole[made].content if isinstance(part, ToolCallPart)}
        if all(isinstance(part, ToolResultPart) and part.tool_call_id in made_here for part in answer):
            assert all(isinstance(part, ToolResultPart) for item in between for part in item.content)


@pytest.mark.parametrize("strategy", ["truncate", "summarize", "relevance", "adaptive"])
def test_a_long_conversation_is_planned_in_time_that_grows_with_its_length(strategy: Strategy) -> None:
    items = support.conversation("ua" * 10_000, tokens=10)
    made = plan(items, 20_000, strategy, scores={item.id: item.position % 7 for item in items})
    assert 18_000 < made.tokens <= 20_000
    assert msgspec.json.encode(made)
