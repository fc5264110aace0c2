"""How much messages have to do with a question, by PostgreSQL's full-text search. Called by the engine before it plans,
and by the tool `session_search`."""

from uuid import UUID

from bus import sql
from sessions_app.queries import LINE

CONFIG = "simple"
"""The text search configuration: `simple` knows no language, and so none is put at a disadvantage."""
LATEST = 2_000
"""So many of the latest messages are searched; older ones have no score."""
CHARACTERS = 50_000
"""So much of each message is searched: PostgreSQL refuses to index texts of a megabyte."""
WORDS = 64
"""So many different words of a question are looked for."""
LONGEST_QUERY = 500
"""Characters of a search: PostgreSQL takes a query apart recursively."""
MOST_EXCLUSIONS = 16
"""Minus signs in a search; at 32 of them nested PostgreSQL gives up with an error, so that more mean nothing."""

_TEXTS = """
texts AS MATERIALIZED (
    SELECT id, position, role, said,
           to_tsvector(%(config)s::text::regconfig, said) AS words
    FROM (SELECT id, position, role,
                 left((SELECT string_agg(concat_ws(' ', part->>'text', part->>'content', part->>'alt_text'), ' ')
                       FROM jsonb_array_elements(content) AS part), %(characters)s::int) AS said
          FROM {source}
          ORDER BY position DESC LIMIT %(latest)s::int) AS newest
)
"""

_CONVERSATION = f"""sessions_app_message JOIN {LINE}
          ON conversation_id = line.member AND position <= least(line.upto, %(upto)s::bigint)"""
_SESSION = "sessions_app_message WHERE session_id = %(session)s::uuid"

# a word in more than half of the messages tells nothing about any of them; each lexeme is quoted as tsquery wants it
_SCORES = f"""
WITH {_TEXTS.format(source=_CONVERSATION)},
question AS (SELECT position, said FROM texts WHERE role = 'user' ORDER BY position DESC LIMIT 1),
earlier AS (SELECT texts.* FROM texts, question WHERE texts.position < question.position),
asked AS (
    SELECT ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery AS word
    FROM question, unnest(to_tsvector(%(config)s::text::regconfig, question.said)) LIMIT %(words)s::int
),
telling AS (
    SELECT string_agg(word::text, ' | ')::tsquery AS any_word FROM asked
    WHERE (SELECT count(*) FROM earlier WHERE words @@ word) <= (SELECT count(*) FROM earlier) * 0.5
)
SELECT id, ts_rank_cd(words, any_word, 1 | 32)::float8 FROM earlier, telling WHERE words @@ any_word
"""  # 1: long messages are not better for their length alone; 32: between 0 and 1

_SEARCH = f"""
WITH {_TEXTS.format(source=_SESSION)},
wanted AS (SELECT websearch_to_tsquery(%(config)s::text::regconfig, %(query)s::text) AS query)
SELECT position, role, said
FROM texts, wanted WHERE words @@ query
ORDER BY ts_rank_cd(words, query, 1 | 32) DESC, position DESC LIMIT %(limit)s::int
"""


def scores(conversation_id: UUID, upto: int, *, config: str = CONFIG) -> dict[UUID, float]:
    """For the messages of a conversation that share telling words with its last user message (at or before the version
    `upto`) a score between 0 and 1. Empty where nothing was asked or nothing matches."""
    rows = sql.fetch(_SCORES, {"conversation": conversation_id, "upto": upto, "words": WORDS, **_bounds(config)})
    return dict(rows)


def search(session_id: UUID, query: str, limit: int, *, config: str = CONFIG) -> list[tuple[int, str, str]]:
    """Position, role and text of the session's messages that answer a query as one types it into a web search, best
    first. Whether the caller may read the session is for the caller to ask. (Passages are not made by `ts_headline`:
    with a word said often enough it takes minutes.)"""
    query = query[:LONGEST_QUERY]
    if query.count("-") > MOST_EXCLUSIONS:
        query = query.replace("-", " ")
    values = {"session": session_id, "query": query, "limit": limit}
    return sql.fetch(_SEARCH, {**values, **_bounds(config)})


def _bounds(config: str) -> dict[str, object]:
    return {"config": config, "characters": CHARACTERS, "latest": LATEST}
