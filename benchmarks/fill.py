"""Long sessions and many sessions in seconds: rows of a real one copied by SQL, projected by the product's own SQL."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from bus.bus import bus
from bus.log import store
from bus.messages import Actor, Context, uuid7
from bus.registry import SqlProjection
from sessions_app.commands import AddMessage, CreateSession, RequestRun

MANY = 10_000
"""So many new rows are worth settling."""

_EACH = "unnest(%(ids)s::uuid[]) WITH ORDINALITY AS made(id, n)"


def fill_sessions(owner: int, count: int) -> list[str]:
    """Sessions of the owner as `create-session` makes them, a millisecond apart; their ids, newest first."""
    template = _template(owner)
    ids = [uuid7() for _ in range(count)]
    parameters = {"template": template, "ids": ids}
    moments = {name: f"t.{name} - made.n * interval '1 millisecond'" for name in ("created_at", "updated_at")}
    event = {"id": "gen_random_uuid()", "stream": "made.id", "command": "gen_random_uuid()"}
    event["recorded_at"] = "t.recorded_at - made.n * interval '1 millisecond'"
    _copy("bus_stream", {"id": "made.id"}, f"{_EACH} WHERE t.id = %(template)s", parameters)
    _copy("bus_storedevent", event, f"{_EACH} WHERE t.stream = %(template)s", parameters)
    _copy("sessions_app_session", {"id": "made.id", **moments}, f"{_EACH} WHERE t.id = %(template)s", parameters)
    title = {"session_id": "made.id", "created_at": moments["created_at"]}
    _copy("sessions_app_title", title, f"{_EACH} WHERE t.session_id = %(template)s", parameters)
    use = {"session": "made.id"}
    _copy("sessions_app_dailyuse", use, f"{_EACH} WHERE t.session = %(template)s", parameters)
    conversation = {"id": "made.id", "session_id": "made.id", "created_at": moments["created_at"]}
    _copy("sessions_app_conversation", conversation, f"{_EACH} WHERE t.id = %(template)s", parameters)
    _settle(count)
    return [str(ident) for ident in ids]


def fill_messages(owner: int, sessions: list[str], count: int) -> None:
    """Let each session grow by `count` messages, each with a number of its own."""
    context = Context(actor=Actor("user", str(owner)))
    said = bus.execute(AddMessage(session_id=_template(owner), content="hello " * 20), context)
    position = said.events[0].position
    part = "jsonb_build_object('type', 'text', 'text', (t.data->'content'->0->>'text') || v)"
    data = f"""t.data || jsonb_build_object(
        'message_id', gen_random_uuid(), 'conversation_id', s.id, 'content', jsonb_build_array({part}))"""
    event = {"id": "gen_random_uuid()", "stream": "s.id", "version": "s.version + v", "data": data}
    event |= {"command": "gen_random_uuid()", "recorded_at": "clock_timestamp()"}
    source = "bus_stream s, generate_series(1, %(count)s) AS v WHERE t.position = %(position)s AND s.id = ANY(%(ids)s)"
    parameters: dict[str, Any] = {"ids": [UUID(session) for session in sessions], "count": count, "position": position}
    _copy("bus_storedevent", event, f"{source} ORDER BY v, s.id", parameters)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bus_stream SET version = version + %(count)s WHERE id = ANY(%(ids)s)", parameters)
    chain = bus.registry.chain("message-added")
    statements = [text for part in chain if isinstance(part, SqlProjection) for text in part.statements]
    store.project(tuple(statements), "position > %s", [position])
    _settle(count * len(sessions))


def fill_runs(owner: int, session: str, count: int) -> None:
    """Let the session have so many runs that are completed. Only their rows: nothing of them is in the log."""
    wanted = bus.execute(RequestRun(session_id=UUID(session), input="hello"), Context(actor=Actor("user", str(owner))))
    parameters = {"template": UUID(str(wanted.data["id"])), "ids": [uuid7() for _ in range(count)]}
    _copy(
        "sessions_app_run", {"id": "made.id", "state": "'completed'"}, f"{_EACH} WHERE t.id = %(template)s", parameters
    )
    _settle(count)


def _template(owner: int) -> UUID:
    made = bus.execute(CreateSession(title="A session"), Context(actor=Actor("user", str(owner))))
    return UUID(str(made.data["id"]))


def _copy(table: str, changed: Mapping[str, str], source: str, parameters: Mapping[str, Any]) -> None:
    """Insert copies of a template row `t`, with some columns changed; what the table itself numbers or makes is left to
    it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = %s AND is_identity = 'NO' AND is_generated = 'NEVER'",
            [table],
        )
        columns = [name for (name,) in cursor.fetchall()]
        values = ", ".join(changed.get(name, f"t.{name}") for name in columns)
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} t, {source}", parameters
        )


def _settle(rows: int) -> None:
    """What autovacuum would do within the next minutes; left to itself it would do it during a measurement."""
    if rows < MANY:
        return
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
