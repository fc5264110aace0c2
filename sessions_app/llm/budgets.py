"""Budgets kept exactly, whoever runs at once: set aside before a run, spent with each of its requests, what is left set
aside freed in the transaction that ends it.

In PostgreSQL alone. The rows of the budgets are locked in the order of their budgets, after the run's row and the
session's: call these in reactions to the events of runs, whose commands lock their session first."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from bus import sql
from bus.exceptions import Refused
from sessions_app.models import Session

_STARTS = """CASE b.period
    WHEN 'day' THEN (now() AT TIME ZONE 'UTC')::date
    WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date
    ELSE date '1970-01-01' END"""
_OF = "(b.session = %(session)s::uuid OR b.user_id = %(user)s::int)"

_BEGIN = f"""
INSERT INTO sessions_app_budgetuse (budget_id, starts, spent_tokens, spent_usd, reserved_tokens, reserved_usd)
SELECT b.id, {_STARTS}, 0, 0, 0, 0 FROM sessions_app_budget AS b WHERE {_OF} ORDER BY b.id
ON CONFLICT (budget_id, starts) DO NOTHING
"""
_LOCK = f"""
SELECT u.id, b.scope, b.period, b.tokens, b.usd, u.spent_tokens + u.reserved_tokens, u.spent_usd + u.reserved_usd
FROM sessions_app_budgetuse AS u JOIN sessions_app_budget AS b ON b.id = u.budget_id
WHERE {_OF} AND u.starts = {_STARTS}
ORDER BY b.id FOR UPDATE OF u
"""
_HAS = "SELECT 1 FROM sessions_app_reservation WHERE run = %(run)s::uuid LIMIT 1"
_TAKE = """
WITH taken AS (
    UPDATE sessions_app_budgetuse
    SET reserved_tokens = reserved_tokens + %(tokens)s::bigint, reserved_usd = reserved_usd + %(usd)s::numeric
    WHERE id = ANY(%(uses)s::bigint[]) RETURNING id
)
INSERT INTO sessions_app_reservation (run, use_id, tokens, usd)
SELECT %(run)s::uuid, id, %(tokens)s::bigint, %(usd)s::numeric FROM taken RETURNING id
"""
_HELD = """
SELECT u.id FROM sessions_app_budgetuse AS u JOIN sessions_app_reservation AS r ON r.use_id = u.id
WHERE r.run = %(run)s::uuid ORDER BY u.budget_id FOR UPDATE OF u
"""
_SETTLE = """
WITH ended AS (DELETE FROM sessions_app_reservation WHERE run = %(run)s::uuid RETURNING use_id, tokens, usd)
UPDATE sessions_app_budgetuse AS u
SET reserved_tokens = u.reserved_tokens - ended.tokens, reserved_usd = u.reserved_usd - ended.usd,
    spent_tokens = u.spent_tokens + coalesce(%(tokens)s::bigint, ended.tokens),
    spent_usd = u.spent_usd + coalesce(%(usd)s::numeric, ended.usd)
FROM ended WHERE u.id = ended.use_id RETURNING u.id
"""
_SPEND = """
UPDATE sessions_app_budgetuse AS u
SET spent_tokens = u.spent_tokens + coalesce(%(tokens)s::bigint, r.tokens),
    spent_usd = u.spent_usd + coalesce(%(usd)s::numeric, r.usd)
FROM sessions_app_reservation AS r WHERE r.run = %(run)s::uuid AND u.id = r.use_id RETURNING u.id
"""
_ITS = """
SELECT u.id, b.scope, b.period, b.tokens, b.usd, u.spent_tokens + u.reserved_tokens, u.spent_usd + u.reserved_usd
FROM sessions_app_budgetuse AS u
JOIN sessions_app_budget AS b ON b.id = u.budget_id
JOIN sessions_app_reservation AS r ON r.use_id = u.id
WHERE r.run = %(run)s::uuid
"""
_STANDING = f"""
SELECT b.scope, b.period, b.tokens, b.usd, coalesce(u.spent_tokens, 0), coalesce(u.spent_usd, 0),
       coalesce(u.reserved_tokens, 0), coalesce(u.reserved_usd, 0)
FROM sessions_app_budget AS b LEFT JOIN sessions_app_budgetuse AS u ON u.budget_id = b.id AND u.starts = {_STARTS}
WHERE {_OF} ORDER BY b.id
"""
_LEFT = """
SELECT DISTINCT r.run, EXISTS (SELECT FROM bus_work AS w WHERE w.id = r.run AND w.attempts > 0)
FROM sessions_app_reservation AS r
WHERE NOT EXISTS (SELECT FROM bus_work AS w WHERE w.id = r.run AND w.state IN ('queued', 'running', 'waiting'))
  AND NOT EXISTS (SELECT FROM sessions_app_run AS n WHERE n.id = r.run AND n.waits)
"""


NOTHING = Decimal(0)


class BudgetExhausted(Refused):
    """The budget does not allow this any more."""

    code = "budget-exhausted"
    status = 402


class Actual(NamedTuple):
    """What a run has used. None where that is not known: then what was set aside counts as spent."""

    tokens: int | None
    usd: Decimal | None


class _Use(NamedTuple):
    """A budget's limits (None: no limit), and what is spent or set aside of it."""

    id: int
    scope: str
    period: str
    tokens: int | None
    usd: Decimal | None
    used_tokens: int
    used_usd: Decimal


class Standing(NamedTuple):
    """A budget (None: no limit), and what is spent and set aside of it in its present period."""

    scope: str
    period: str
    tokens: int | None
    usd: Decimal | None
    spent_tokens: int
    spent_usd: Decimal
    reserved_tokens: int
    reserved_usd: Decimal


def standing(session_id: UUID, user_id: int | None) -> list[Standing]:
    """The budgets of a session, and those of a user (None: of nobody). Only reads."""
    rows = sql.fetch(_STANDING, {"session": session_id, "user": user_id})
    return [Standing(*row) for row in rows]


def reserve(session: Session, run_id: UUID, tokens: int, usd: Decimal | None) -> None:
    """Set aside what the run is estimated to use, of every budget of the session and of its owner; once per run.

    `usd` None: the price is not known, which no budget of money can allow. Raises BudgetExhausted; then nothing is set
    aside (the caller's transaction ends)."""
    whose = {"session": session.id, "user": session.owner_id}
    if not sql.fetch(f"SELECT 1 FROM sessions_app_budget AS b WHERE {_OF} LIMIT 1", whose):
        return
    sql.fetch(f"{_BEGIN} RETURNING id", whose)
    uses = [_Use(*row) for row in sql.fetch(_LOCK, whose)]
    if sql.fetch(_HAS, {"run": run_id}):
        return
    for use in uses:
        _check(use, tokens, usd)
    _take(run_id, uses, tokens, usd)


def settle(run_id: UUID, actual: Actual) -> None:
    """What the run used is spent and its reservation gone; nothing the second time. In the run's last transaction."""
    if sql.fetch(_HELD, {"run": run_id}):
        sql.fetch(_SETTLE, {"run": run_id, "tokens": actual.tokens, "usd": actual.usd})


def spend(run_id: UUID, actual: Actual) -> None:
    """One request of the run has used this: it is spent at once, and the reservation stays, for the next request. What
    is not known counts as what was set aside."""
    if sql.fetch(_HELD, {"run": run_id}):
        sql.fetch(_SPEND, {"run": run_id, "tokens": actual.tokens, "usd": actual.usd})


def check_again(run_id: UUID) -> None:
    """Before another request of the run. Raises BudgetExhausted where what is spent leaves no room for what is set
    aside."""
    for use in [_Use(*row) for row in sql.fetch(_ITS, {"run": run_id})]:
        _check(use, 0, NOTHING, over=True)


def release(run_id: UUID) -> None:
    """The run used nothing."""
    settle(run_id, Actual(0, NOTHING))


def prune() -> None:
    """Settle for runs that nobody works on any more (their session was deleted): those that had begun may have been
    billed."""
    for run_id, begun in sql.fetch(_LEFT, {}):
        settle(run_id, Actual(None, None) if begun else Actual(0, NOTHING))


def _check(use: _Use, tokens: int, usd: Decimal | None, *, over: bool = False) -> None:
    which = f"The budget of this {use.scope} ({use.period})"
    if use.tokens is not None and not _fits(use.used_tokens, tokens, use.tokens, over):
        raise BudgetExhausted(f"{which} is {use.tokens} tokens; {max(use.tokens - use.used_tokens, 0)} are left.")
    if use.usd is None:
        return
    if usd is None:
        raise BudgetExhausted(f"{which} is in USD, and the price of this model is not known.")
    if not _fits(use.used_usd, usd, use.usd, over):
        raise BudgetExhausted(f"{which} is {use.usd:f} USD; {max(use.usd - use.used_usd, Decimal(0)):f} are left.")


def _fits(used: int | Decimal, more: int | Decimal, limit: int | Decimal, over: bool) -> bool:
    """What costs nothing always does, unless it is asked whether the limit is passed already."""
    return used <= limit if over else more == 0 or used + more <= limit


def _take(run_id: UUID, uses: Sequence[_Use], tokens: int, usd: Decimal | None) -> None:
    values: dict[str, Any] = {"run": run_id, "uses": [use.id for use in uses], "tokens": tokens}
    sql.fetch(_TAKE, values | {"usd": usd or Decimal(0)})
