"""Reading the whole log while others write it: what commits late is not lost, what never comes is not waited for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from bus.log import settled, store
from bus.log.horizon import Horizon
from tests.bus.support import Toy, execute, in_threads, wait_until


def row(position: int, xmin: int, upper: int) -> tuple[Any, ...]:
    """A log row as LOG_PAGE returns it, its snapshot columns last."""
    return (None, None, None, position, xmin, upper)


def positions(horizon: Horizon, *rows: tuple[Any, ...]) -> list[int]:
    """The positions that are let through."""
    return [admitted[3] for admitted in horizon.admit(rows)]


def test_a_line_without_gaps_passes_at_once() -> None:
    horizon = Horizon(4)
    assert positions(horizon, row(5, 1, 99), row(6, 1, 99)) == [5, 6]
    assert horizon.position == 6


def test_the_snapshot_columns_are_taken_off() -> None:
    assert Horizon(0).admit([row(1, 5, 5)]) == [(None, None, None, 1)]


def test_a_gap_stops_the_page_until_every_transaction_that_could_fill_it_has_ended() -> None:
    horizon = Horizon(0)
    assert positions(horizon, row(1, 10, 20), row(3, 10, 20), row(4, 10, 20)) == [1]
    assert positions(horizon, row(3, 19, 30), row(4, 19, 30)) == []
    assert positions(horizon, row(3, 20, 40), row(4, 20, 40)) == [3, 4]


def test_a_filled_gap_passes_whatever_still_runs() -> None:
    horizon = Horizon(0)
    assert positions(horizon, row(2, 10, 20)) == []
    assert positions(horizon, row(1, 10, 25), row(2, 10, 25)) == [1, 2]


def test_each_gap_is_decided_by_the_moment_it_was_first_seen() -> None:
    horizon = Horizon(0)
    assert positions(horizon, row(2, 10, 20)) == []
    assert positions(horizon, row(2, 20, 30), row(4, 20, 30)) == [2]
    assert positions(horizon, row(4, 29, 40)) == []
    assert positions(horizon, row(4, 30, 40)) == [4]


def test_a_gap_seen_while_nothing_runs_is_passed_at_once() -> None:
    assert positions(Horizon(0), row(7, 20, 20)) == [7]


@given(st.sets(st.integers(1, 40)), st.integers(1, 7))
def test_in_the_end_every_committed_position_passes_once_and_in_order(committed: set[int], size: int) -> None:
    horizon, seen = Horizon(0), list[int]()
    for moment in range(1, 2 * len(committed) + 3):
        page = sorted(position for position in committed if position > horizon.position)[:size]
        seen += positions(horizon, *(row(position, 2 * moment, 2 * moment + 1) for position in page))
    assert seen == sorted(committed)


@contextmanager
def other_connection() -> Iterator["psycopg.Connection[Any]"]:
    """A second connection to the test's database, in a transaction of its own until it commits."""
    parameters = dict(connection.get_connection_params())
    wanted: Any = {
        name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters
    }
    with psycopg.connect(**wanted) as made:
        yield made


def insert(writer: "psycopg.Connection[Any]", stream: UUID, version: int) -> None:
    """An event appended by another process: as `store.append` does it, the counter first."""
    writer.execute("UPDATE bus_stream SET version = %s WHERE id = %s", [version, stream])
    writer.execute(
        "INSERT INTO bus_storedevent (id, stream, version, type, schema, data, actor, command, seq, correlation,"
        " traceparent) VALUES (gen_random_uuid(), %s, %s, 'noted', 1, '{\"text\": \"late\"}', 'system',"
        " gen_random_uuid(), 0, '', '')",
        [stream, version],
    )


def read(toy: Toy, horizon: Horizon) -> list[UUID]:
    """The streams of the events that may be delivered now."""
    return [envelope.stream for envelope in store.read_log(toy.registry, horizon, 100)]


def caught_up(toy: Toy) -> Horizon:
    """A reader that has read everything there is."""
    horizon = Horizon(0)
    wait_until(lambda: not read(toy, horizon) and horizon.position == newest(), "the reader being at the end")
    return horizon


def newest() -> int:
    """The last position of the log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(position) FROM bus_storedevent")
        return int(cursor.fetchone()[0])


def test_what_commits_late_is_waited_for_and_delivered_in_its_place(toy: Toy) -> None:
    late, prompt = toy.id, toy.open()
    horizon = caught_up(toy)
    with other_connection() as writer:
        insert(writer, late, 2)
        toy.note("prompt", stream=prompt)
        assert read(toy, horizon) == []
        assert read(toy, horizon) == []
        writer.commit()
    assert read(toy, horizon) == [late, prompt]


def test_what_commits_late_is_waited_for_also_when_no_younger_transaction_has_ended(toy: Toy) -> None:
    """The holder of the gap is the youngest transaction: no snapshot's xmax lies above it yet."""
    late, prompt = toy.id, toy.open()
    horizon = caught_up(toy)
    with other_connection() as older, other_connection() as younger:
        older.execute("SELECT pg_current_xact_id()")
        insert(younger, late, 2)
        insert(older, prompt, 2)
        older.commit()
        assert read(toy, horizon) == []
        younger.commit()
    assert read(toy, horizon) == [late, prompt]


def test_a_gap_that_was_rolled_back_is_passed(toy: Toy) -> None:
    late, prompt = toy.id, toy.open()
    horizon = caught_up(toy)
    with other_connection() as writer:
        insert(writer, late, 2)
        toy.note(stream=prompt)
        assert read(toy, horizon) == []
        writer.rollback()
    assert wait_until(lambda: read(toy, horizon), "the gap being passed") == [prompt]


def test_the_log_is_settled_up_to_the_first_position_that_may_still_come(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled, "TRIES", 3)
    known, first = settled.Settled(), settled.Settled()
    before = wait_until(lambda: known.position() == newest() and newest(), "everything being settled")
    late, prompt = toy.id, toy.open()
    assert known.position() == newest() == before + 1
    with other_connection() as writer:
        insert(writer, late, 2)
        toy.note(stream=prompt)
        assert newest() == before + 3
        assert known.position() == before + 1
        with pytest.raises(settled.Unsettled):  # one that has just begun does not know which gap it is
            first.position()
        writer.rollback()
    for one in (known, first):
        wait_until(lambda one=one: one.position() == before + 3, "the gap being passed")  # type: ignore[misc]
    execute("DELETE FROM bus_storedevent WHERE position > %s", before)
    assert wait_until(lambda: known.position() == before, "the older log being settled")


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_reader_beside_many_writers_misses_nothing_and_keeps_each_streams_order(toy: Toy, limit: int) -> None:
    streams = [toy.id, toy.open(), toy.open(), toy.open()]
    horizon, seen, done = Horizon(0), list[tuple[UUID, int]](), threading.Event()

    def write(stream: UUID) -> None:
        for number in range(25):
            with transaction.atomic():
                toy.note(stream=stream)
                if number % 5 == 4:
                    transaction.set_rollback(True)

    def follow() -> None:
        while not (done.is_set() and horizon.position == newest()):
            page = store.read_log(toy.registry, horizon, limit)
            seen.extend((envelope.stream, envelope.version) for envelope in page)

    def write_all() -> None:
        try:
            assert in_threads(*(lambda stream=stream: write(stream) for stream in streams)) == [None] * 4
        finally:
            done.set()

    assert in_threads(write_all, follow) == [None, None]
    for stream in streams:
        assert [version for owner, version in seen if owner == stream] == list(range(1, 22))
    assert len(seen) == 4 * 21
