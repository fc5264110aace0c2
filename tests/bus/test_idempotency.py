"""An idempotency key makes a repeat return the first result, and nothing else."""

from typing import Any

import pytest

from bus.exceptions import IdempotencyMismatch, VersionConflict
from bus.messages import Actor, Context
from bus.models import Idempotency
from tests.bus.support import Append, Fail, Note, Toy, in_threads


def test_the_same_key_and_body_give_the_first_result_and_one_effect(toy: Toy) -> None:
    first = toy.note("once", idempotency_key="k")
    again = toy.note("once", idempotency_key="k")
    assert (again.success, again.data, again.version, again.command_id) == (
        True,
        {"text": "once"},
        first.version,
        first.command_id,
    )
    assert toy.texts() == ["once"]


def test_ten_at_once_with_one_key_have_one_effect_and_one_result(toy: Toy) -> None:
    results = in_threads(*[lambda: toy.note("once", idempotency_key="k")] * 10)
    assert {(result.command_id, result.version) for result in results} == {(results[0].command_id, 2)}
    assert toy.texts() == ["once"]


@pytest.mark.parametrize("other", [{"text": "other"}, {"times": 2}])
def test_the_same_key_with_another_body_is_refused(toy: Toy, other: dict[str, Any]) -> None:
    toy.note("once", idempotency_key="k")
    with pytest.raises(IdempotencyMismatch):
        toy.note(**{"text": "once", **other}, idempotency_key="k")
    assert toy.texts() == ["once"]


def test_the_same_key_with_another_command_of_the_same_fields_is_refused(toy: Toy) -> None:
    toy.bus.execute(Append(session_id=toy.id, text="x"), Context(idempotency_key="k"))
    with pytest.raises(IdempotencyMismatch):
        toy.note("x", idempotency_key="k")


def test_a_key_belongs_to_the_actor_who_gave_it(toy: Toy) -> None:
    toy.note("hers", idempotency_key="k", actor=Actor("user", "1"))
    toy.note("his", idempotency_key="k", actor=Actor("user", "2"))
    assert toy.texts() == ["hers", "his"]


def test_a_refused_command_gives_its_key_back(toy: Toy) -> None:
    with pytest.raises(VersionConflict):
        toy.note("x", idempotency_key="k", expected_version=7)
    with pytest.raises(RuntimeError):
        toy.bus.execute(Fail(session_id=toy.id), Context(idempotency_key="k"))
    assert not Idempotency.objects.exists()
    assert toy.note("x", idempotency_key="k").version == 2


def test_when_the_first_of_two_is_refused_the_second_has_the_effect(toy: Toy) -> None:
    def wrong() -> Any:
        return toy.note("x", idempotency_key="k", expected_version=7)

    def right() -> Any:
        return toy.note("x", idempotency_key="k")

    for _ in range(5):
        results = in_threads(wrong, right)
        assert results[1].version == 2
    assert toy.texts() == ["x"]


def test_a_repeat_is_answered_also_after_the_session_has_moved_on(toy: Toy) -> None:
    toy.note("x", idempotency_key="k", expected_version=1)
    toy.note("y")
    assert toy.note("x", idempotency_key="k", expected_version=1).version == 2


def test_the_key_and_the_effect_are_stored_together(toy: Toy) -> None:
    toy.bus.execute(Note(session_id=toy.id, text="x"), Context(idempotency_key="k"))
    (kept,) = Idempotency.objects.all()
    assert kept.result is not None
    assert (kept.principal, kept.key, kept.result["version"]) == ("system", "k", 2)
