"""Who may do a piece of work now: claimed, renewed and finished in PostgreSQL, by the database's clock alone.

Every claim raises the fence; a worker that comes back after losing its lease finds its fence outdated and writes
nothing. Called by the runner, the sweeper, and (`hold`) inside every transaction that writes for a piece of work."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection

from bus.exceptions import LeaseLost

_COLUMNS = "id, kind, fence, session, name, payload::text, actor, correlation, traceparent, attempts, max_attempts"

# what a newer version has accepted during an upgrade is left to it for a while
_KNOWN = """kind = ANY(%(kinds)s) AND (kind <> 'command' OR name = ANY(%(commands)s)
    OR created_at < now() - make_interval(secs => %(upgrade)s))"""

_CLAIM = f"""
UPDATE bus_work
SET state = 'running', fence = fence + 1, owner = %(owner)s, attempts = attempts + 1,
    lease_until = now() + make_interval(secs => %(seconds)s)
WHERE id = (
    SELECT id FROM bus_work
    WHERE id = %(id)s AND attempts < max_attempts AND {_KNOWN}
      AND ((state = 'queued' AND run_after <= now()) OR (state = 'running' AND lease_until < now()))
    FOR UPDATE SKIP LOCKED  -- locked: somebody is writing for it, and a claimer that waited would sweep nothing else
)
RETURNING {_COLUMNS}
"""

_HOLD = """
UPDATE bus_work SET lease_until = now() + make_interval(secs => %s)
WHERE id = %s AND fence = %s AND state = 'running'
RETURNING cancel_requested_at IS NOT NULL, set_config('idle_in_transaction_session_timeout', %s, true)
"""

_FINISH = """
UPDATE bus_work SET state = %s, result = %s, error = %s, finished_at = now(), lease_until = NULL
WHERE id = %s AND fence = %s AND state = 'running'
"""

_RELEASE = """
UPDATE bus_work SET state = 'queued', error = %s, lease_until = NULL, run_after = now() + make_interval(secs => %s),
    attempts = attempts - %s
WHERE id = %s AND fence = %s AND state = 'running'
"""

_PARK = """
UPDATE bus_work SET state = 'waiting', lease_until = NULL, attempts = 0
WHERE id = %s AND fence = %s AND state = 'running'
"""

_RENEW = """
WITH mine AS (
    SELECT id, cancel_requested_at IS NOT NULL AS cancelled
    FROM bus_work JOIN unnest(%(ids)s::uuid[], %(fences)s::bigint[]) AS held(id, fence) USING (id, fence)
    WHERE state = 'running'
), free AS (  -- what is locked is being held or finished right now: to wait for it would let the others run out
    SELECT id FROM bus_work JOIN unnest(%(ids)s::uuid[], %(fences)s::bigint[]) AS held(id, fence) USING (id, fence)
    WHERE state = 'running' FOR UPDATE OF bus_work SKIP LOCKED
), renewed AS (
    UPDATE bus_work AS w SET lease_until = now() + make_interval(secs => %(seconds)s) FROM free WHERE w.id = free.id
)
SELECT id, cancelled FROM mine
"""

_EXHAUSTED = f"""
UPDATE bus_work SET state = 'parked', finished_at = now(), lease_until = NULL
WHERE id IN (
    SELECT id FROM bus_work
    WHERE state = 'running' AND lease_until < now() AND attempts >= max_attempts AND kind = ANY(%s)
    LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING {_COLUMNS}
"""

_DUE = f"""
SELECT id FROM bus_work
WHERE ((state = 'queued' AND run_after < now() - make_interval(secs => %(grace)s))
    OR (state = 'running' AND lease_until < now())) AND {_KNOWN}
ORDER BY run_after LIMIT %(limit)s
"""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed piece of work and the fence it was claimed with."""

    id: UUID
    kind: str
    fence: int
    session: UUID | None
    name: str
    payload: Any
    actor: str
    correlation: str
    traceparent: str
    attempts: int
    max_attempts: int

    @property
    def stream(self) -> UUID:
        """The session it works for."""
        if self.session is None:
            raise ValueError(f"{self.kind} {self.id} belongs to no session")
        return self.session

    @property
    def last_attempt(self) -> bool:
        """Whether no further attempt is allowed."""
        return self.attempts >= self.max_attempts


def _lease(row: tuple[Any, ...]) -> Lease:
    values = dict(zip(Lease.__struct_fields__, row, strict=True))
    return Lease(**{**values, "payload": msgspec.json.decode(values["payload"])})


class Takes(NamedTuple):
    """What a process takes up: these kinds of work, and of commands these."""

    kinds: Sequence[str]
    commands: Sequence[str]

    def values(self) -> dict[str, Any]:
        """For `_KNOWN`."""
        upgrade = settings.BUS_UPGRADE_SECONDS
        return {"kinds": list(self.kinds), "commands": list(self.commands), "upgrade": upgrade}


def claim(work: UUID, owner: str, takes: Takes) -> Lease | None:
    """Take a due piece of work, or one whose lease has run out. None: it is not for us, somebody else has it, or it is
    finished."""
    values = {"id": work, "owner": owner, "seconds": settings.BUS_LEASE_SECONDS, **takes.values()}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    return _lease(row) if row else None


def hold(lease: Lease) -> bool:
    """Renew inside the caller's transaction, which then may write. True: a cancel was requested. Raises LeaseLost.

    The transaction locks the row: one that is idle for longer than a lease, because its process is frozen, is ended
    by PostgreSQL, or nobody could take the work over."""
    seconds = settings.BUS_LEASE_SECONDS
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [seconds, lease.id, lease.fence, f"{seconds}s"])
        row = cursor.fetchone()
    if row is None:
        raise LeaseLost
    return bool(row[0])


def finish(lease: Lease, state: str, *, result: Any = None, error: Any = None) -> None:
    """Bring the work to its final state, in the caller's transaction. Raises LeaseLost."""
    with connection.cursor() as cursor:
        cursor.execute(_FINISH, [state, _json(result), _json(error), lease.id, lease.fence])
        if cursor.rowcount != 1:
            raise LeaseLost


def release(lease: Lease, *, delay: float, error: Any = None, untried: bool = False) -> None:
    """Give the work back to the queue, to be tried again after `delay` seconds. `untried`: this try does not count,
    the worker stops. Raises LeaseLost."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [_json(error), delay, int(untried), lease.id, lease.fence])
        if cursor.rowcount != 1:
            raise LeaseLost


def wait(lease: Lease) -> None:
    """Put the work aside until somebody calls `queue.wake`, in the caller's transaction. Raises LeaseLost."""
    with connection.cursor() as cursor:
        cursor.execute(_PARK, [lease.id, lease.fence])
        if cursor.rowcount != 1:
            raise LeaseLost


def renew(leases: Iterable[Lease]) -> tuple[set[UUID], set[UUID]]:
    """Renew many leases in one statement: the ids still held, and those of them with a cancel requested."""
    held = list(leases)
    if not held:
        return set(), set()
    with connection.cursor() as cursor:
        ids, fences = [lease.id for lease in held], [lease.fence for lease in held]
        cursor.execute(_RENEW, {"ids": ids, "fences": fences, "seconds": settings.BUS_LEASE_SECONDS})
        rows = cursor.fetchall()
    return {row[0] for row in rows}, {row[0] for row in rows if row[1]}


def park_exhausted(kinds: Sequence[str]) -> Lease | None:
    """Park one piece of work of these kinds whose last allowed attempt died without a word, for the caller to report,
    or None."""
    with connection.cursor() as cursor:
        cursor.execute(_EXHAUSTED, [list(kinds)])
        row = cursor.fetchone()
    return _lease(row) if row else None


def due(limit: int, grace: float, takes: Takes) -> list[UUID]:
    """Work for us that nobody has taken for `grace` seconds after it was due, or whose lease ran out."""
    values = {"limit": limit, "grace": grace, **takes.values()}
    with connection.cursor() as cursor:
        cursor.execute(_DUE, values)
        return [row[0] for row in cursor.fetchall()]


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
