"""The status machine of a run, whole: it is small enough to be walked in every direction."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.llm import status
from sessions_app.models import Run
from sessions_app.values import RunOutcome

HAPPENINGS = sorted({happening for follows in status.NEXT.values() for happening in follows})


def test_its_states_are_those_of_the_row() -> None:
    assert set(Run.State.values) == status.OPEN | status.ENDED
    assert not status.OPEN & status.ENDED
    assert set(status.NEXT) == status.OPEN
    assert {state for follows in status.NEXT.values() for state in follows.values()} <= set(Run.State.values)


@pytest.mark.parametrize("state", sorted(status.ENDED))
def test_a_run_ends_once(state: str) -> None:
    assert [status.after(state, happening) for happening in HAPPENINGS] == [None] * len(HAPPENINGS)


@pytest.mark.parametrize("outcome", get_args(RunOutcome))
def test_a_run_at_work_can_end_in_every_way(outcome: RunOutcome) -> None:
    assert status.after("running", status.HAPPENS[outcome]) == outcome


@given(st.lists(st.sampled_from(HAPPENINGS), max_size=40))
def test_from_wherever_it_is_it_can_still_end(story: list[str]) -> None:
    state = "queued"
    for happening in story:
        state = status.after(state, happening) or state
    reached, seen = {state}, set[str]()
    while reached - seen:
        seen |= (here := reached - seen)
        reached |= {status.NEXT[one][what] for one in here if one in status.NEXT for what in status.NEXT[one]}
    assert reached & status.ENDED


def test_nothing_is_answered_while_a_person_decides() -> None:
    assert status.after("requires_action", "start") is None
    assert status.after("requires_action", "complete") is None
