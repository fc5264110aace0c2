"""S11: quotas are exact under concurrency: of 200 runs at once as many begin as the budget allows, not one more."""

from decimal import Decimal
from functools import partial
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from bus.bus import bus
from bus.messages import Context, uuid7
from sessions_app import commands
from sessions_app.llm import budgets
from sessions_app.llm.budgets import Actual, BudgetExhausted
from sessions_app.models import Budget, BudgetUse, Reservation, Session
from tests.bus.support import in_threads
from tests.story import Story

RUNS = 200
AT_ONCE = 16
ALLOWED = 50
EACH = 7
"""Tokens of one run."""

pytestmark = pytest.mark.django_db(transaction=True)


def attempt(session: Session) -> UUID | None:
    """One run's reservation; None when it is refused."""
    run = uuid7()
    try:
        with transaction.atomic():
            budgets.reserve(session, run, EACH, Decimal("0.1"))
    except BudgetExhausted:
        return None
    return run


def many(session: Session, count: int) -> list[UUID]:
    """The runs that may begin."""
    return [run for run in (attempt(session) for _ in range(count)) if run is not None]


@pytest.fixture
def sessions(story: Story, alice: User) -> list[Session]:
    """Two of Alice's sessions, to whose budget all their runs count."""
    other = bus.execute(commands.CreateSession(), Context(actor=story.actor)).data["id"]
    return [Session.objects.get(id=story.id), Session.objects.get(id=other)]


def test_of_many_runs_at_once_exactly_as_many_begin_as_are_allowed(sessions: list[Session], alice: User) -> None:
    Budget.objects.create(scope="user", user=alice, tokens=ALLOWED * EACH + EACH - 1)
    Budget.objects.create(scope="session", session=sessions[0].id, usd=Decimal(RUNS))
    calls = [partial(many, sessions[number % 2], RUNS // AT_ONCE + 1) for number in range(AT_ONCE)]
    begun = [run for runs in in_threads(*calls) for run in runs]
    assert len(begun) == ALLOWED
    assert set(Reservation.objects.values_list("run", flat=True)) == set(begun)
    of_alice = BudgetUse.objects.get(budget__user=alice)
    assert (of_alice.reserved_tokens, of_alice.spent_tokens) == (ALLOWED * EACH, 0)


def test_reserving_and_settling_at_once_loses_nothing(sessions: list[Session], alice: User) -> None:
    Budget.objects.create(scope="user", user=alice, tokens=EACH * 3)
    Budget.objects.create(scope="session", session=sessions[0].id, usd=Decimal(RUNS))

    def work(session: Session) -> int:
        spent = 0
        for _ in range(20):
            if run := attempt(session):
                with transaction.atomic():
                    used = BudgetUse.objects.get(budget__user=alice)
                    assert used.reserved_tokens + used.spent_tokens <= EACH * 3
                    budgets.settle(run, Actual(0, Decimal("0.25")))
                spent += 1
        return spent

    counts = in_threads(*[partial(work, sessions[number % 2]) for number in range(8)])
    assert all(isinstance(count, int) for count in counts), counts
    of_alice = BudgetUse.objects.get(budget__user=alice)
    assert (of_alice.reserved_tokens, of_alice.reserved_usd) == (0, Decimal(0))
    assert of_alice.spent_usd == sum(counts) * Decimal("0.25")
    assert sum(counts) >= 8
