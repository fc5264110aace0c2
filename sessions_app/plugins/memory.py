"""Semantic memory: what is said in all sessions of a person can be found again, by them and by their models.

A durable subscriber stores user and assistant messages; `Recall` and the tool `recall` search them by words, and where
an embedder is configured (EMBEDDER_URL) and PostgreSQL has pgvector, by meaning as well."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from bus import sql
from bus.bus import bus
from bus.messages import Actor, Command, Context, Envelope
from bus.registry import handles, projects, subscribes_to
from sessions_app import events
from sessions_app.accounts.queries import user_id_of
from sessions_app.llm.builtin_tools import passage
from sessions_app.llm.tools import ToolContext, tool
from sessions_app.plugins import embedder
from sessions_app.represent import moment
from sessions_app.values import Role, text_of

CHARACTERS = 20_000
"""So much of a message is remembered."""
BATCH = 16
"""Texts embedded at a time: the newest that have no vector yet."""
LATE = 5.0
"""Seconds; a subscriber that is farther behind embeds in batches only."""
SOON = 1.0
LONGEST_TURN = 10.0
"""Seconds; the subscriber's lease is longer."""

Rows = list[tuple[Any, ...]]

Query = Annotated[str, Meta(min_length=1, max_length=500, description="words, or a question")]
Limit = Annotated[int, Meta(ge=1, le=50)]

_REMEMBER = """
INSERT INTO sessions_app_memory (id, session, owner, role, text, said_at)
SELECT %(id)s::uuid, id, owner_id, %(role)s::text, %(text)s::text, %(said_at)s::timestamptz
FROM sessions_app_session WHERE id = %(session)s::uuid AND owner_id IS NOT NULL FOR KEY SHARE
ON CONFLICT (id) DO NOTHING RETURNING id
"""
_CHANGE = """
UPDATE sessions_app_memory SET text = %(text)s::text, refused = false{forgotten}
WHERE id = %(id)s::uuid AND session = %(session)s::uuid RETURNING id
"""
_FORGET = "DELETE FROM sessions_app_memory WHERE session = %(session)s::uuid RETURNING id"

_HAS_VECTORS = """
SELECT 1 FROM pg_attribute
WHERE attrelid = to_regclass('sessions_app_memory') AND attname = 'embedding' AND NOT attisdropped
"""
_BARE = """
SELECT id, text FROM sessions_app_memory
WHERE embedding IS NULL AND NOT refused AND text <> '' ORDER BY said_at DESC LIMIT %(limit)s::int
"""
_EMBEDDED = """
UPDATE sessions_app_memory AS m SET embedding = given.vector::vector
FROM unnest(%(ids)s::uuid[], %(texts)s::text[], %(vectors)s::text[]) AS given (id, text, vector)
WHERE m.id = given.id AND m.text = given.text RETURNING m.id
"""
_REFUSED = """
UPDATE sessions_app_memory AS m SET refused = true
FROM unnest(%(ids)s::uuid[], %(texts)s::text[]) AS given (id, text)
WHERE m.id = given.id AND m.text = given.text RETURNING m.id
"""

# any of the words finds, all of them count for half of the score; sessions are joined for their owner of today
_FOUND = "m.id, m.session, m.role, m.text, m.said_at"
_MINE = """
FROM sessions_app_memory AS m
JOIN sessions_app_session AS s ON s.id = m.session AND s.owner_id = m.owner AND s.id <> %(without)s::uuid
"""
_BY_WORDS = f"""
WITH asked AS (
    SELECT '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' AS word
    FROM unnest(to_tsvector('simple', %(query)s::text)) LIMIT 64
), wanted AS (
    SELECT string_agg(word, ' | ')::tsquery AS any_word, string_agg(word, ' & ')::tsquery AS all_words FROM asked
)
SELECT {_FOUND}, (ts_rank_cd(m.words, any_word, 1 | 32) + (m.words @@ all_words)::int)::float8 / 2 AS score
{_MINE}, wanted
WHERE m.owner = %(owner)s::bigint AND m.words @@ any_word ORDER BY score DESC, m.said_at DESC LIMIT %(limit)s::int
"""
_BY_MEANING = f"""
SELECT {_FOUND}, 1 - (m.embedding <=> %(vector)s::vector)::float8 AS score
{_MINE}
WHERE m.owner = %(owner)s::bigint AND vector_dims(m.embedding) = vector_dims(%(vector)s::vector)
ORDER BY m.embedding <=> %(vector)s::vector LIMIT %(limit)s::int
"""
_NOWHERE = UUID(int=0)

_vectors: bool | None = None
_embedded = 0.0


class Recall(Command):
    """Find what was said in one's own sessions, best first: session, message, snippet, score (0 to 1)."""

    scope = "sessions:read"

    query: Query
    limit: Limit = 10

    def prepare(self) -> None:
        """The question's vector is asked for before the transaction; the handler finds it."""
        _vector_of(self.query)


@handles(Recall)
def recall_said(command: Recall, context: Context) -> list[dict[str, Any]]:
    """Only from sessions the caller owns, whoever the caller is."""
    return search(context.actor, command.query, command.limit)


@tool(name="recall", timeout=20.0)
def recall_as_a_tool(context: ToolContext, query: Query, limit: Annotated[int, Meta(ge=1, le=20)] = 5) -> str:
    """Search what was said in the user's other sessions. Gives the best matching passages."""
    found = search(context.owner, query, limit, without=context.session_id)
    lines = [f"[session {one['session_id']}, {one['said_at'][:10]}] {one['role']}: {one['snippet']}" for one in found]
    return "\n\n".join(lines) or "Nothing was found."


# -- storing -----------------------------------------------------------------------------------------------------------


@subscribes_to("message-added", "message-updated", name="memory", imported=True)
def remember(envelope: Envelope) -> None:
    """Stores what was said, once; what was edited is known by its new words."""
    event = bus.registry.open(envelope)
    if isinstance(event, events.MessageAdded) and event.role in (Role.USER, Role.ASSISTANT):
        statement, said = _REMEMBER, event.content
    elif isinstance(event, events.MessageUpdated) and event.content is not None:
        statement, said = _CHANGE.format(forgotten=", embedding = NULL" if has_vectors() else ""), event.content
    else:
        return
    text = text_of(said)[:CHARACTERS].strip()
    if not text and statement is _REMEMBER:
        return
    values = {"id": event.message_id, "session": envelope.stream, "text": text}
    if statement is _REMEMBER:
        values |= {"role": event.role, "said_at": envelope.recorded_at}  # type: ignore[union-attr]
    if sql.fetch(statement, values):
        _embed(late=(datetime.now(UTC) - envelope.recorded_at).total_seconds() > LATE)


@projects(events.SessionDeleted, events.SessionErased)
def forget(event: events.SessionDeleted | events.SessionErased, envelope: Envelope) -> None:
    """A session's memories go with it, also while the plugin is switched off."""
    sql.fetch(_FORGET, {"session": envelope.stream})


def _embed(*, late: bool) -> None:
    """Vectors for the newest that have none. One that is missing costs only that it is not found by meaning."""
    global _embedded
    if not embedder.ready() or not has_vectors() or (late and time.monotonic() < _embedded + SOON):
        return
    bare = sql.fetch(_BARE, {"limit": BATCH})
    _embedded = time.monotonic()
    if not bare:
        return
    with suppress(embedder.EmbedderFailed):
        try:
            _embed_these(bare)
        except embedder.EmbedderRefused:
            _embed_each(bare)


def _embed_these(bare: Rows) -> None:
    texts = [text for _, text in bare]
    sql.fetch(_EMBEDDED, {"ids": [ident for ident, _ in bare], "texts": texts, "vectors": embedder.embed(texts)})


def _embed_each(bare: Rows) -> None:
    """One text the server will not have keeps none of the others from their vectors, now or later."""
    refused = []
    end = time.monotonic() + LONGEST_TURN
    for row in bare:
        if time.monotonic() >= end:
            break
        try:
            _embed_these([row])
        except embedder.EmbedderRefused:
            refused.append(row)
    if not refused:
        return
    embedder.check()
    sql.fetch(_REFUSED, {"ids": [ident for ident, _ in refused], "texts": [text for _, text in refused]})


def has_vectors() -> bool:
    """Whether the table has its column of pgvector: there is no such extension in every PostgreSQL."""
    global _vectors
    if _vectors is None:
        _vectors = bool(sql.fetch(_HAS_VECTORS, ()))
    return _vectors


# -- finding -----------------------------------------------------------------------------------------------------------


def search(actor: Actor, query: str, limit: int, *, without: UUID | None = None) -> list[dict[str, Any]]:
    """The actor's memories that answer a query, best first, each with its session, message, snippet and score."""
    owner = user_id_of(actor)
    if owner is None:
        return []
    vector = _vector_of(query)
    values = {"owner": owner, "query": query, "limit": limit, "without": without or _NOWHERE}
    found = {row[0]: row for row in sql.fetch(_BY_WORDS, values)}
    if vector:
        near = sql.fetch(_BY_MEANING, values | {"vector": vector})
        found = {row[0]: (*row[:-1], row[-1] / 2) for row in found.values()}
        for row in near:
            words = found[row[0]][-1] if row[0] in found else 0.0
            found[row[0]] = (*row[:-1], words + max(0.0, row[-1]) / 2)
    best = sorted(found.values(), key=lambda row: (-row[-1], row[0]))[:limit]
    return [_shown(query, *row) for row in best]


def _vector_of(query: str) -> str:
    """The question's vector; empty where none can be had, or where one would have to wait for it in a transaction."""
    if not embedder.known(query) and not (embedder.ready() and has_vectors()):
        return ""
    try:
        return embedder.of_question(query)
    except embedder.EmbedderFailed:
        return ""


def _shown(query: str, *row: Any) -> dict[str, Any]:
    ident, session, role, text, said_at, score = row
    return {
        "session_id": session,
        "message_id": ident,
        "role": role,
        "snippet": passage(text, query),
        "said_at": moment(said_at),
        "score": round(score, 4),
    }
