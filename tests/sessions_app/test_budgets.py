"""Budgets: set aside before a run, settled at its end, refused when used up. How exact: `promises/test_s11_quotas`."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from bus.bus import bus
from bus.messages import Actor, Context, uuid7
from bus.models import Work
from sessions_app import commands
from sessions_app.llm import budgets
from sessions_app.llm.budgets import Actual, BudgetExhausted
from sessions_app.models import Budget, BudgetUse, Reservation, Session
from tests.bus.support import execute
from tests.story import Story


@pytest.fixture
def session(story: Story) -> Session:
    """Alice's."""
    return Session.objects.get(id=story.id)


def budget_of(whose: Session | User, **limits: Any) -> Budget:
    if isinstance(whose, Session):
        return Budget.objects.create(scope="session", session=whose.id, **limits)
    return Budget.objects.create(scope="user", user=whose, **limits)


def reserve(session: Session, tokens: int = 10, usd: str | None = "0", run: UUID | None = None) -> UUID:
    run = run or uuid7()
    with transaction.atomic():
        budgets.reserve(session, run, tokens, None if usd is None else Decimal(usd))
    return run


def uses() -> list[tuple[Any, ...]]:
    """What is spent and reserved of each budget, in their order."""
    return list(
        BudgetUse.objects.order_by("budget_id").values_list(
            "spent_tokens", "spent_usd", "reserved_tokens", "reserved_usd"
        )
    )


def test_without_a_budget_nothing_is_kept(session: Session, bob: User) -> None:
    budget_of(bob, tokens=0)
    budgets.settle(reserve(session, 10**12), Actual(5, Decimal(1)))
    assert not BudgetUse.objects.exists()
    assert not Reservation.objects.exists()


def test_what_is_set_aside_becomes_what_was_used(session: Session) -> None:
    budget_of(session, tokens=100, usd=Decimal(1))
    run = reserve(session, 60, "0.6")
    assert uses() == [(0, 0, 60, Decimal("0.6"))]
    budgets.settle(run, Actual(45, Decimal("0.45")))
    assert uses() == [(45, Decimal("0.45"), 0, 0)]
    assert not Reservation.objects.exists()


def test_settling_twice_counts_once(session: Session) -> None:
    budget_of(session, tokens=100)
    run = reserve(session)
    for actual in (Actual(7, Decimal(0)), Actual(9, Decimal(0))):
        budgets.settle(run, actual)
    budgets.release(run)
    assert uses() == [(7, 0, 0, 0)]


def test_a_run_reserves_once_however_often_it_is_taken_up(session: Session) -> None:
    budget_of(session, tokens=10)
    run = reserve(session, 10)
    assert reserve(session, 10, run=run) == run
    assert uses() == [(0, 0, 10, 0)]


def test_a_run_that_used_nothing_gives_everything_back(session: Session) -> None:
    budget_of(session, tokens=10, usd=Decimal(1))
    budgets.release(reserve(session, 10, "1"))
    assert uses() == [(0, 0, 0, 0)]
    reserve(session, 10, "1")


def test_unknown_use_counts_as_what_was_set_aside(session: Session) -> None:
    budget_of(session, tokens=100, usd=Decimal(1))
    budgets.settle(reserve(session, 30, "0.3"), Actual(None, None))
    assert uses() == [(30, Decimal("0.3"), 0, 0)]


@pytest.mark.parametrize(
    ("limits", "wanted", "said"),
    [
        ({"tokens": 10}, (11, "0"), "this session (total) is 10 tokens; 10 are left"),
        ({"usd": Decimal("0.5")}, (1, "0.6"), r"is 0.5\d* USD; 0.5\d* are left"),
        ({"usd": Decimal(5)}, (1, None), "in USD, and the price of this model is not known"),
        ({"tokens": 0}, (1, "0"), "0 are left"),
    ],
)
def test_what_is_beyond_the_budget_is_refused(
    session: Session, limits: dict[str, Any], wanted: tuple[int, str | None], said: str
) -> None:
    budget_of(session, **limits)
    with pytest.raises(BudgetExhausted, match=said.replace("(", r"\(").replace(")", r"\)")) as refused:
        reserve(session, *wanted)
    assert (refused.value.code, refused.value.status) == ("budget-exhausted", 402)
    assert not Reservation.objects.exists()


def test_a_budget_that_was_overdrawn_allows_nothing_but_what_is_free(session: Session) -> None:
    budget_of(session, usd=Decimal(1))
    budgets.settle(reserve(session, 1, "1"), Actual(1, Decimal(3)))
    with pytest.raises(BudgetExhausted, match="; 0 are left"):
        reserve(session, 1, "0.0000000000000001")
    reserve(session, 10**9, "0")


def test_a_budget_of_tokens_does_not_ask_for_prices(session: Session) -> None:
    budget_of(session, tokens=10)
    reserve(session, 10, None)
    assert uses() == [(0, 0, 10, 0)]


def test_every_budget_of_the_session_and_its_owner_must_allow_it(session: Session, alice: User) -> None:
    budget_of(alice, tokens=100)
    budget_of(session, tokens=1000)
    budget_of(alice, tokens=20, period="day")
    reserve(session, 15)
    with pytest.raises(BudgetExhausted, match=r"this user \(day\)"):
        reserve(session, 6)
    assert [use[2] for use in uses()] == [15, 15, 15]


def test_a_users_budget_counts_all_their_sessions_and_nobody_elses(session: Session, alice: User, bob: User) -> None:
    budget_of(alice, tokens=10)

    def another(user: User) -> Session:
        made = bus.execute(commands.CreateSession(), Context(actor=Actor("user", str(user.pk))))
        return Session.objects.get(id=made.data["id"])

    reserve(session, 6)
    with pytest.raises(BudgetExhausted, match="4 are left"):
        reserve(another(alice), 5)
    reserve(another(alice), 4)
    reserve(another(bob), 10**6)


def test_a_new_period_begins_with_the_whole_budget(session: Session) -> None:
    daily, monthly = (budget_of(session, tokens=10, period=period) for period in ("day", "month"))
    run = reserve(session, 10)
    BudgetUse.objects.filter(budget=daily).update(starts=date(2020, 1, 1))
    with pytest.raises(BudgetExhausted, match=r"\(month\)"):
        reserve(session, 1)
    monthly.delete()
    reserve(session, 10)
    budgets.settle(run, Actual(3, Decimal(0)))  # spent where it was set aside
    by_day = BudgetUse.objects.order_by("starts").values_list("spent_tokens", "reserved_tokens")
    assert list(by_day) == [(3, 0), (0, 10)]


def test_days_and_months_are_those_of_utc_by_the_clock_of_the_database(session: Session) -> None:
    for period in ("total", "day", "month"):
        budget_of(session, tokens=10, period=period)
    reserve(session, 1)
    assert execute("SELECT 1 FROM sessions_app_budgetuse WHERE starts = (now() AT TIME ZONE 'UTC')::date") >= 1
    starts = list(BudgetUse.objects.order_by("budget_id").values_list("starts", flat=True))
    assert starts[0] == date(1970, 1, 1)
    assert starts[2] == starts[1].replace(day=1)


def test_a_limit_that_is_changed_holds_from_the_next_run_on(session: Session) -> None:
    budget = budget_of(session, tokens=10)
    reserve(session, 10)
    Budget.objects.filter(id=budget.id).update(tokens=25)
    reserve(session, 15)
    Budget.objects.filter(id=budget.id).update(tokens=5)
    with pytest.raises(BudgetExhausted, match="; 0 are left"):
        reserve(session, 1)


def test_what_a_vanished_run_has_set_aside_is_settled(session: Session, story: Story) -> None:
    budget_of(session, tokens=10_000)
    at_work = UUID(story.tell(commands.AddMessage, content="hello", answer=True).data["answer_run_id"])
    assert Work.objects.get(id=at_work).state == "queued"
    held = Reservation.objects.get(run=at_work).tokens
    reserve(session, 20, run=uuid7())
    budgets.prune()
    assert uses() == [(0, 0, held, 0)], "it never had begun"
    assert [row.run for row in Reservation.objects.all()] == [at_work]
