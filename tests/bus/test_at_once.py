"""A command that is a single statement has the effects, the refusals and the races of any other."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from bus import sql
from bus.bus import bus
from bus.exceptions import IdempotencyMismatch, NotFound, Refused
from bus.live import reader
from bus.messages import SYSTEM, Actor, Context, Event, uuid7
from bus.models import Idempotency, StoredEvent
from sessions_app import commands
from sessions_app.access import GUARD
from tests.bus.support import Append, Echoed, Note, Noted, Toy, in_threads
from tests.story import assert_replay_rebuilds_the_same_rows


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent as prepared statements; a transaction is refused."""
    sent: list[str] = []
    fetch = sql.fetch

    def spied(statement: str, parameters: Any) -> Any:
        sent.append(statement)
        return fetch(statement, parameters)

    monkeypatch.setattr(sql, "fetch", spied)
    return sent


def no_transaction(*_: object, **__: object) -> None:
    """Stands in for `transaction.atomic`."""
    raise AssertionError("a transaction was begun")


def alices_session(alice: User) -> tuple[UUID, Actor]:
    actor = Actor("user", str(alice.pk))
    return bus.execute(commands.CreateSession(), Context(actor=actor)).data["id"], actor


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [None, "k"])
def test_a_message_is_one_statement(
    alice: User, statements: list[str], key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, actor = alices_session(alice)
    statements.clear()
    with monkeypatch.context() as patched:
        patched.setattr(transaction, "atomic", no_transaction)
        result = bus.execute(
            commands.AddMessage(session_id=session, content="hello"), Context(actor=actor, idempotency_key=key)
        )
    assert len(statements) == 1
    assert (result.version, [event.type for event in result.events]) == (2, ["message-added"])
    assert Idempotency.objects.count() == (key is not None)
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.django_db(transaction=True)
def test_the_condition_says_what_the_check_says(alice: User, bob: User) -> None:
    session, _ = alices_session(alice)
    people = (Actor("user", str(alice.pk)), Actor("user", str(bob.pk)), Actor("user", "x"), Actor("nobody"), SYSTEM)
    for actor in (*people, Actor("staff", "1"), Actor("plugin", "p")):
        for ident in (session, uuid7()):
            command = commands.AddMessage(session_id=ident, content="x")
            context = Context(actor=actor)
            condition = GUARD.condition(command, context)
            try:
                GUARD.check(command, context)
            except Refused:
                allowed = False
            else:
                allowed = True
            values = {"stream": ident, **(condition.values if condition else {})}
            found = condition is not None and sql.fetch(f"SELECT 1 WHERE {condition.sql}", values)
            assert bool(found) == allowed, (actor, ident)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("body", [{}, {"conversation_id": uuid7()}, {"message_id": uuid7(), "answer": True}])
def test_a_stranger_is_told_nothing_but_that_there_is_no_session(alice: User, bob: User, body: dict[str, Any]) -> None:
    session, _ = alices_session(alice)
    before = StoredEvent.objects.count()
    with pytest.raises(NotFound, match="Session not found"):
        bus.execute(
            commands.AddMessage(session_id=session, content="x", **body), Context(actor=Actor("user", str(bob.pk)))
        )
    assert StoredEvent.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_a_taken_message_id_is_refused_and_frees_the_key(alice: User) -> None:
    session, actor = alices_session(alice)
    ident = uuid7()

    def add(key: str) -> Any:
        command = commands.AddMessage(session_id=session, content="x", message_id=ident)
        return bus.execute(command, Context(actor=actor, idempotency_key=key))

    outcomes = in_threads(*(lambda key=key: add(str(key)) for key in range(6)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyExists"] * 5 + ["CommandResult"]
    assert Idempotency.objects.count() == 1
    assert StoredEvent.objects.filter(type="message-added").count() == 1


def test_ten_with_one_key_have_one_effect_and_one_result(toy: Toy) -> None:
    command = Append(session_id=toy.id, text="once")
    results = in_threads(*[lambda: toy.bus.execute(command, Context(idempotency_key="k"))] * 10)
    assert {(result.command_id, result.version) for result in results} == {(results[0].command_id, 2)}
    assert toy.texts() == ["once"]
    with pytest.raises(IdempotencyMismatch):
        toy.bus.execute(Append(session_id=toy.id, text="other"), Context(idempotency_key="k"))


def test_an_event_that_somebody_reacts_to_takes_the_long_way(toy: Toy) -> None:
    @toy.registry.reacts_to(Noted)
    def echo(event: Noted, envelope: Any) -> Iterator[Event]:
        yield Echoed(text=event.text)

    result = toy.bus.execute(Append(session_id=toy.id, text="hello"))
    assert [event.type for event in result.events] == ["noted", "echoed"]


@pytest.mark.django_db(transaction=True)
def test_what_was_prepared_outlives_a_change_of_its_table(toy: Toy) -> None:
    def elsewhere(statement: str) -> None:
        with closing(connection.copy()) as other, other.cursor() as cursor:
            cursor.execute(statement)

    def look() -> list[tuple[Any, ...]]:
        return sql.fetch("SELECT n FROM changing", [])

    def look_and_note(command: Note, context: Context) -> Iterator[Event]:
        yield Noted(text=str(look()))

    toy.registry.handlers[Note] = look_and_note
    elsewhere("CREATE TABLE changing AS SELECT 1::int AS n")
    try:
        look()
        elsewhere("ALTER TABLE changing ALTER COLUMN n TYPE bigint")
        assert look() == [(1,)], "without a transaction: at once"
        elsewhere("ALTER TABLE changing ALTER COLUMN n TYPE int")
        assert toy.bus.execute(Note(session_id=toy.id, text="")).version == 2, "within one: the command anew"
        asyncio.run(read_while_it_changes(elsewhere))
    finally:
        elsewhere("DROP TABLE changing")


async def read_while_it_changes(elsewhere: Callable[[str], None]) -> None:
    """The driver prepares by itself what a loop asks often."""
    for _ in range(10):
        await reader.fetch("SELECT n FROM changing", [])
    await asyncio.to_thread(elsewhere, "ALTER TABLE changing ALTER COLUMN n TYPE bigint")
    assert await reader.fetch("SELECT n FROM changing", []) == [(1,)]
    await reader.close()


@pytest.mark.django_db(transaction=True)
def test_the_statement_is_parsed_once_for_each_connection(alice: User) -> None:
    session, actor = alices_session(alice)
    for _ in range(3):
        bus.execute(commands.AddMessage(session_id=session, content="hello"), Context(actor=actor))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%INTO bus_storedevent%'")
        assert cursor.fetchone()[0] >= 1, "nothing is prepared: see OPTIONS in config/settings.py"
