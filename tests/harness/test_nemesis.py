"""The adversary's choices can be repeated: a failure names a seed, and the seed brings the same faults back."""

import pytest

from tests.harness.nemesis import DEFAULT_SEED, FAULTS, KINDS, chosen_seed, schedule


def test_a_seed_draws_the_same_faults_every_time() -> None:
    assert schedule(7, 40) == schedule(7, 40)
    assert schedule(7, 40)[:10] != schedule(8, 40)[:10]


def test_every_kind_comes_before_any_comes_again() -> None:
    drawn = [fault.kind for fault in schedule(3, 2 * len(KINDS))]
    assert set(drawn[: len(KINDS)]) == set(drawn[len(KINDS) :]) == set(KINDS)


def test_faults_last_no_longer_than_their_kind_allows() -> None:
    for fault in schedule(5, 200):
        assert 0 < fault.lasts <= KINDS[fault.kind].longest
        assert 0 <= fault.amount <= 1


def test_a_shorter_schedule_leaves_nothing_undrawn() -> None:
    assert len(schedule(1, FAULTS)) == FAULTS > 0


def test_the_seed_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMISE_SEED", raising=False)
    assert chosen_seed() == DEFAULT_SEED
    monkeypatch.setenv("PROMISE_SEED", "42")
    assert chosen_seed() == 42
