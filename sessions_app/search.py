"""Full-text search over messages and titles: what is asked, in PostgreSQL's words; hits, best first; snippets.

Called by the REST face. `owner` is part of the index; whose sessions may be seen is what `queries.own_of` says."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from bus.messages import Actor
from sessions_app import queries, rights
from sessions_app.models import Title

NEWEST = 5_000
"""Of more matches, so many of the newest are ranked: a word that is everywhere costs no more than others."""
CHARACTERS = 100_000
"""So much of a message is searched (the migration says so, too)."""
SHORTEST = 3
"""ASCII letters that stand for all words that begin so; there are too many of those that begin with fewer."""
BEFORE, SNIPPET = 60, 240
"""Characters shown before the first match, and in all."""

_ASKED = "SELECT websearch_to_tsquery('simple', %s)::text, statement_timestamp()"
_LEXEME = re.compile(r"'((?:[^'\\]|''|\\\\)*)'")
_QUOTED = re.compile(r'"([^"]*)"')


class Word(NamedTuple):
    """One word that is looked for; `begins`: all words that begin so, too."""

    text: str
    begins: bool


class Asked(NamedTuple):
    """A question: as a `tsquery`, the words that hits contain, and when it was asked by the database's clock."""

    query: str
    words: list[Word]
    at: datetime


class Search(NamedTuple):
    """A page of hits: so many, after the one of this rank and id. Only what was there at `until` is looked at, so that
    pages neither skip nor repeat. `since` and `until` are of when it was said; of titles, of when the session began."""

    asked: Asked
    limit: int
    until: datetime
    since: datetime | None = None
    beyond: tuple[float, UUID] | None = None
    session: UUID | None = None
    role: str | None = None


class Hit(NamedTuple):
    """One find. Of a title there is no message, and `text` is the title; `text` is cut after CHARACTERS."""

    id: UUID
    rank: float
    session_id: UUID
    title: str
    text: str
    created_at: datetime
    conversation_id: UUID | None = None
    role: str | None = None


def asked(text: str) -> Asked | None:
    """What a person typed: words, "phrases", -not, or. None where it contains no word. Words of at least SHORTEST
    letters also stand for those that begin so, unless they are quoted, excluded, or part of a phrase."""
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, [text])
        query, at = cursor.fetchone()
    exact = {word for quoted in _QUOTED.findall(text.lower()) for word in quoted.split()}
    pieces, words, end = [], [], 0
    for found in _LEXEME.finditer(query):
        word = _word(query, found, exact)
        if not _negated(query, found):
            words.append(word)
        pieces += [query[end : found.end()], ":*" if word.begins else ""]
        end = found.end()
    return Asked("".join([*pieces, query[end:]]), words, at) if pieces else None


def _word(query: str, found: re.Match[str], exact: set[str]) -> Word:
    text = found[1].replace("''", "'").replace("\\\\", "\\")
    in_phrase = query[: found.start()].endswith("> ") or query[found.end() :].startswith(" <")
    long = len(text) >= SHORTEST or not text.isascii()
    return Word(text, long and not (in_phrase or text in exact or _negated(query, found)))


def _negated(query: str, found: re.Match[str]) -> bool:
    return query[: found.start()].endswith("!")


# The rank depends on the text and the question alone, so (rank, id) is an order that stays. Who may see a session is
# looked up for each of what was found: joined, all sessions of somebody who has very many would be read.
_PAGE = """
WITH found AS (
    SELECT {id} AS id, session_id, words FROM {table}
    WHERE words @@ %(query)s::tsquery AND created_at < %(until)s{filters}
    ORDER BY created_at DESC, {id} DESC LIMIT %(newest)s
), ranked AS (
    SELECT id, ts_rank(words, %(asked)s::tsquery, 1)::float8 AS rank FROM found
    WHERE (SELECT true FROM ({visible}) AS seen WHERE seen.id = found.session_id LIMIT 1)
), page AS (
    SELECT id, rank FROM ranked{beyond} ORDER BY rank DESC, id DESC LIMIT %(limit)s
)
SELECT page.id, rank, {columns} FROM page {joined} ORDER BY rank DESC, page.id DESC
"""
_TEXT = f"""left((
    SELECT string_agg(part->>'text', E'\\n') FROM jsonb_array_elements(m.content) AS part WHERE part->>'type' = 'text'
), {CHARACTERS})"""
_MESSAGES = {
    "table": "sessions_app_message",
    "id": "id",
    "columns": f"m.session_id, s.title, {_TEXT}, m.created_at, m.conversation_id, m.role",
    "joined": "JOIN sessions_app_message AS m ON m.id = page.id JOIN sessions_app_session AS s ON s.id = m.session_id",
}
_TITLES = {
    "table": "sessions_app_title",
    "id": "session_id",
    "columns": "s.id, s.title, s.title, s.created_at",
    "joined": "JOIN sessions_app_session AS s ON s.id = page.id",
}
_FILTERS = {"since": "created_at > %(since)s", "session": "session_id = %(session)s", "role": "role = %(role)s"}


def messages(actor: Actor, search: Search) -> list[Hit]:
    """The next hits among messages, those that others replace included, as in their list."""
    return _page(_MESSAGES, actor, search)


def titles(actor: Actor, search: Search) -> list[Hit]:
    """The next hits among the titles of sessions. They have no role."""
    return _page(_TITLES, actor, search._replace(role=None))


def _page(among: dict[str, str], actor: Actor, search: Search) -> list[Hit]:
    seen = queries.own_of(actor)
    if seen.query.is_empty():
        return []
    visible, values = _as_sql(seen.values("id"))
    given = {name: value for name in _FILTERS if (value := getattr(search, name)) is not None}
    filters = "".join(f" AND {_FILTERS[name]}" for name in given)
    beyond = ""
    if search.beyond is not None:
        values |= dict(zip(("rank", "last"), search.beyond, strict=True))
        beyond = " WHERE (rank, id) < (%(rank)s::float8, %(last)s::uuid)"
    values |= given | {"asked": search.asked.query, "query": _of(actor, search.asked), "until": search.until}
    statement = _PAGE.format(**among, visible=visible, filters=filters, beyond=beyond)
    with connection.cursor() as cursor:
        cursor.execute(statement, values | {"limit": search.limit, "newest": NEWEST})
        return [Hit(*row) for row in cursor.fetchall()]


def titled(actor: Actor, question: Asked) -> QuerySet[Title]:
    """The titles of the actor's that answer a question; whose session may be seen is another matter."""
    return Title.objects.filter(RawSQL("words @@ %s::tsquery", [_of(actor, question)], BooleanField()))


def _of(actor: Actor, question: Asked) -> str:
    """The question, of words in the actor's own sessions; the words of an index know their owner."""
    return question.query if actor.type in rights.ALL_SEEING else f"({question.query}) & ' {actor.id}'"


def _as_sql(rows: QuerySet[Any, Any]) -> tuple[str, dict[str, Any]]:
    """A query set as SQL with named values."""
    text, values = rows.query.sql_with_params()
    names = [f"seen_{number}" for number in range(len(values))]
    return text % tuple(f"%({name})s" for name in names), dict(zip(names, values, strict=True))


# -- what is shown ---------------------------------------------------------------------------------------------------


def snippet(text: str, words: list[Word]) -> list[dict[str, Any]]:
    """What surrounds the first of the words, in pieces: `{text, match}`. Never markup."""
    wanted = _pattern(words)
    first = wanted.search(text)
    start = _cut(text, first.start() - BEFORE) if first else 0
    end = len(text) if len(text) <= start + SNIPPET else _cut(text, start + SNIPPET)
    shown = list(_pieces(text, wanted, start, end))
    if start > 0:
        shown.insert(0, {"text": "…", "match": False})
    if end < len(text):
        shown.append({"text": "…", "match": False})
    return shown


def _pieces(text: str, wanted: re.Pattern[str], start: int, end: int) -> Iterator[dict[str, Any]]:
    at = start
    for found in wanted.finditer(text, start, end):
        if at < found.start():
            yield {"text": text[at : found.start()], "match": False}
        yield {"text": found[0], "match": True}
        at = found.end()
    if at < end:
        yield {"text": text[at:end], "match": False}


def _cut(text: str, near: int) -> int:
    """Where to cut so that no word is, unless it is a very long one."""
    if near <= 0:
        return 0
    space = text.rfind(" ", max(0, near - 30), near)
    return near if space < 0 else space + 1


def _pattern(words: list[Word]) -> re.Pattern[str]:
    """Any of the words, whole."""
    each = sorted((re.escape(word.text) + (r"\w*" if word.begins else "") for word in words), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(each)})(?!\w)" if each else "(?!)", re.IGNORECASE)
