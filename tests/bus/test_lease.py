"""Who may do a piece of work now: claimed by one, taken over when the lease has run out, and never by two."""

from typing import Any
from uuid import UUID

import pytest

from bus.exceptions import LeaseLost
from bus.messages import Context, uuid7
from bus.models import Work
from bus.work import lease, queue
from bus.work.lease import Lease, Takes
from tests.bus.support import execute, in_threads

pytestmark = pytest.mark.django_db(transaction=True)

KNOWN = Takes(["command"], ["test"])


def new_work(**options: Any) -> UUID:
    """A piece of work, due now."""
    ident = uuid7()
    queue.add("command", ident, "test", Context(), **options)
    return ident


def claimed(work: UUID, owner: str = "w") -> Lease:
    """Claim it, as it must be possible."""
    made = lease.claim(work, owner, KNOWN)
    assert made is not None
    return made


def run_out(work: UUID) -> None:
    """Let the lease have ended a second ago."""
    assert execute("UPDATE bus_work SET lease_until = now() - interval '1 second' WHERE id = %s", work)


def test_a_claim_says_what_is_to_be_done_and_for_whom() -> None:
    session = uuid7()
    work = new_work(session=session, payload={"a": 1}, max_attempts=5)
    held = claimed(work, "me")
    assert (held.id, held.kind, held.name, held.stream, held.payload) == (work, "command", "test", session, {"a": 1})
    assert (held.fence, held.attempts, held.max_attempts, held.last_attempt, held.actor) == (1, 1, 5, False, "system")
    row = Work.objects.get(id=work)
    assert (row.state, row.owner) == ("running", "me")


def test_of_many_who_claim_at_once_one_gets_it() -> None:
    work = new_work()
    results = in_threads(*(lambda owner=owner: lease.claim(work, owner, KNOWN) for owner in "abcdefgh"))
    (held,) = [result for result in results if result is not None]
    assert Work.objects.get(id=work).owner in "abcdefgh"
    assert held.fence == 1


def test_work_that_is_not_due_yet_is_not_given_out() -> None:
    work = new_work(delay=60)
    assert lease.claim(work, "w", KNOWN) is None
    assert lease.due(10, 0, KNOWN) == []


def test_unknown_work_is_not_given_out() -> None:
    assert lease.claim(uuid7(), "w", KNOWN) is None


def test_a_takeover_after_expiry_raises_the_fence() -> None:
    work = new_work()
    first = claimed(work, "one")
    assert lease.claim(work, "two", KNOWN) is None
    run_out(work)
    second = claimed(work, "two")
    assert (first.fence, second.fence, second.attempts) == (1, 2, 2)
    assert Work.objects.get(id=work).owner == "two"


def test_the_outdated_holder_loses_its_lease_and_writes_nothing() -> None:
    work = new_work()
    old = claimed(work)
    run_out(work)
    new = claimed(work)
    with pytest.raises(LeaseLost):
        lease.hold(old)
    with pytest.raises(LeaseLost):
        lease.finish(old, "done", result={"by": "old"})
    with pytest.raises(LeaseLost):
        lease.release(old, delay=0)
    assert lease.renew([old]) == (set(), set())
    row = Work.objects.get(id=work)
    assert (row.state, row.result, row.fence) == ("running", None, new.fence)
    lease.finish(new, "done", result={"by": "new"})
    assert Work.objects.get(id=work).result == {"by": "new"}


def test_finished_work_is_finished_once_and_for_all() -> None:
    work = new_work()
    held = claimed(work)
    lease.finish(held, "done")
    row = Work.objects.get(id=work)
    assert row.finished_at is not None
    assert row.lease_until is None
    for attempt in (lambda: lease.finish(held, "failed"), lambda: lease.hold(held)):
        with pytest.raises(LeaseLost):
            attempt()
    assert lease.claim(work, "w", KNOWN) is None
    assert lease.park_exhausted(KNOWN.kinds) is None


def test_holding_renews_and_tells_of_a_wanted_cancel() -> None:
    work = new_work()
    held = claimed(work)
    execute("UPDATE bus_work SET lease_until = now() + interval '1 second' WHERE id = %s", work)
    before = Work.objects.get(id=work).lease_until
    assert lease.hold(held) is False
    after = Work.objects.get(id=work).lease_until
    assert before is not None
    assert after is not None
    assert after > before
    execute("UPDATE bus_work SET cancel_requested_at = now() WHERE id = %s", work)
    assert lease.hold(held) is True


def test_many_leases_are_renewed_in_one_statement() -> None:
    kept, lost, wanted = (claimed(new_work()) for _ in range(3))
    execute("UPDATE bus_work SET lease_until = now() + interval '1 second'")
    execute("UPDATE bus_work SET fence = fence + 1 WHERE id = %s", lost.id)
    execute("UPDATE bus_work SET cancel_requested_at = now() WHERE id = %s", wanted.id)
    assert lease.renew([kept, lost, wanted]) == ({kept.id, wanted.id}, {wanted.id})
    first, *later = Work.objects.order_by("lease_until").values_list("id", flat=True)
    assert (first, set(later)) == (lost.id, {kept.id, wanted.id})
    assert lease.renew([]) == (set(), set())


def test_released_work_waits_for_its_delay() -> None:
    work = new_work()
    lease.release(claimed(work), delay=60, error={"detail": "no luck"})
    row = Work.objects.get(id=work)
    assert (row.state, row.error, row.attempts) == ("queued", {"detail": "no luck"}, 1)
    assert lease.claim(work, "w", KNOWN) is None


def test_work_whose_last_attempt_died_is_parked_once() -> None:
    work, young = new_work(max_attempts=2), new_work()
    for _ in range(2):
        assert lease.park_exhausted(KNOWN.kinds) is None
        claimed(work)
        run_out(work)
    claimed(young)
    run_out(young)
    assert lease.claim(work, "w", KNOWN) is None
    parked = lease.park_exhausted(KNOWN.kinds)
    assert parked is not None
    assert parked.id == work
    assert Work.objects.get(id=work).state == "parked"
    assert lease.park_exhausted(KNOWN.kinds) is None


def test_due_is_what_nobody_took_for_a_while_and_what_has_run_out() -> None:
    fresh, old, dead, held = (new_work() for _ in range(4))
    execute("UPDATE bus_work SET run_after = now() - interval '10 seconds' WHERE id = %s", old)
    claimed(dead)
    run_out(dead)
    claimed(held)
    assert set(lease.due(10, 5, KNOWN)) == {old, dead}
    assert set(lease.due(10, -1, KNOWN)) == {fresh, old, dead}
    assert len(lease.due(1, -1, KNOWN)) == 1


def test_the_same_work_is_added_once() -> None:
    work = new_work()
    queue.add("command", work, "other", Context())
    assert Work.objects.get(id=work).name == "test"


def test_what_a_newer_version_has_accepted_is_left_to_it_for_a_while() -> None:
    new_kind, new_command = uuid7(), uuid7()
    queue.add("newer", new_kind, "test", Context())
    queue.add("command", new_command, "newer-command", Context())
    for work in (new_kind, new_command):
        assert lease.claim(work, "w", KNOWN) is None
    assert lease.due(10, -1, KNOWN) == []
    Work.objects.update(created_at="2020-01-01T00:00:00Z")
    assert lease.claim(new_kind, "w", KNOWN) is None
    assert lease.due(10, -1, KNOWN) == [new_command]
    assert lease.claim(new_command, "w", KNOWN) is not None  # nobody knows it: it is refused as any unknown one is
