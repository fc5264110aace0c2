"""What a search finds, for the page of sessions: titles first, then what was said. The same search as REST's."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from bus.exceptions import Invalid
from bus.messages import Actor
from sessions_app import search
from sessions_app.api.paging import decode_cursor, encode_cursor
from sessions_app.pages.common import actor_of

HITS = 20
TITLES = 10


def found(request: HttpRequest) -> dict[str, Any]:
    """The context of the results of `q`; `from` is where the page before ended."""
    text = request.GET.get("q", "").replace("\x00", "")[:200]
    asked, begin = search.asked(text), _begin(request.GET.get("from", ""))
    if asked is None:
        return {"q": text, "hits": [], "titles": [], "more": None}
    wanted = search.Search(asked, HITS + 1, begin[2] if begin else asked.at, beyond=begin[:2] if begin else None)
    hits = search.messages(actor_of(request), wanted)
    last = hits[HITS - 1] if len(hits) > HITS else None
    return {
        "q": text,
        "hits": [_shown(hit, asked) for hit in hits[:HITS]],
        "titles": [] if begin else _titles(actor_of(request), asked),
        "more": urlencode({"q": text, "from": encode_cursor([last.rank, last.id, wanted.until])}) if last else None,
    }


def _begin(cursor: str) -> tuple[float, UUID, datetime] | None:
    try:
        rank, last, until = decode_cursor(cursor, (float, UUID, datetime))
    except Invalid:
        return None
    return rank, last, until


def _titles(actor: Actor, asked: search.Asked) -> list[dict[str, Any]]:
    return [_shown(hit, asked) for hit in search.titles(actor, search.Search(asked, TITLES, asked.at))]


def _shown(hit: search.Hit, asked: search.Asked) -> dict[str, Any]:
    """A hit with the address of what was said."""
    there = reverse("session", args=[hit.session_id])
    if hit.conversation_id is not None:
        elsewhere = f"?conversation={hit.conversation_id}" if hit.conversation_id != hit.session_id else ""
        there = f"{there}{elsewhere}#m-{hit.id}"
    return {
        "address": there,
        "title": hit.title,
        "role": hit.role,
        "when": hit.created_at,
        "pieces": search.snippet(hit.text, asked.words),
    }
