"""Tells those who follow their account of every change in their list of sessions: one loop per process, and for all of
them one look at the log after it has grown. A client that comes back reads its list anew."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db.models import F, Value

from bus.database import in_thread
from bus.live import frames, reader
from bus.live import hub as hubs
from bus.live.broadcast import LOG_GROUP
from bus.log.horizon import Horizon
from bus.messages import Notice
from sessions_app import queries
from sessions_app.accounts.streams import stream_of
from sessions_app.models import Session
from sessions_app.represent import session_info

logger = logging.getLogger(__name__)

PAUSE = 0.2
"""Seconds in which changes are told together."""
PAGE = 1000
BACK = 500
"""So many positions before the head the first look begins: what has a position may not be committed yet."""

_COLUMNS = """stream, version, CASE
    WHEN type = 'session-unshared' AND actor NOT LIKE 'imported:%%' THEN ARRAY[data->>'user_id']
    WHEN type = 'session-erased' THEN ARRAY[data->>'owner_id']
    WHEN type = 'session-deleted' THEN ARRAY(
        SELECT coalesce(told.data->>'owner_id', told.data->>'user_id') FROM bus_storedevent AS told
        WHERE told.stream = bus_storedevent.stream AND (told.type = 'session-created'
            OR told.type = 'session-shared' AND told.actor NOT LIKE 'imported:%%' AND NOT EXISTS (
                SELECT FROM bus_storedevent AS ended WHERE ended.stream = told.stream
                AND ended.version > told.version AND ended.type = 'session-unshared'
                AND ended.data->>'user_id' = told.data->>'user_id')))
    ELSE ARRAY[]::text[] END, position"""
"""The third: the users who have just lost the session. People whom a file names are those of elsewhere."""


class SessionListed(Notice):
    """A session of one's list is new, or has changed; `session` as the list shows it."""

    session: dict[str, Any]


class SessionUnlisted(Notice):
    """A session has gone from one's list."""

    id: UUID


class _Follower:
    """One per hub."""

    def __init__(self) -> None:
        self._users: set[int] = set()
        self._beginning = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def follow(self, user_id: int) -> None:
        """Watch this user's list, too, as long as somebody here reads the user's account."""
        self._users.add(user_id)
        async with self._beginning:
            if self._task is None or self._task.done():
                horizon = Horizon(max(0, await reader.log_head() - BACK))
                self._task = hubs.hub().spawn(self._run(horizon))

    async def _run(self, horizon: Horizon) -> None:
        hub = hubs.hub()
        hub.listen(LOG_GROUP)
        with hub.log_hints() as grown:
            while self._watched():
                await grown.wait()
                await asyncio.sleep(PAUSE)
                grown.clear()
                try:
                    await self._look(horizon)
                except Exception as error:  # the database is away; the place is kept, the next hint tries again
                    logger.warning("could not look for changes of lists: %r", error)

    def _watched(self) -> set[int]:
        self._users = {user_id for user_id in self._users if stream_of(user_id) in hubs.hub().feeds}
        return self._users

    async def _look(self, horizon: Horizon) -> None:
        """Tell what the log has brought since the last look."""
        while rows := await reader.log_rows(_COLUMNS, horizon, PAGE):
            lost = [(session, int(user)) for session, _, users, _ in rows for user in users if user is not None]
            listed = await in_thread(_listed, {row[0] for row in rows}, self._watched())
            for session, user_id in lost:
                _tell(user_id, SessionUnlisted(session_id=stream_of(user_id), id=session))
            for user_id, info in listed:  # last: as it is now
                _tell(user_id, SessionListed(session_id=stream_of(user_id), session=info))


def _listed(sessions: Iterable[UUID], users: Iterable[int]) -> list[tuple[int, dict[str, Any]]]:
    """(user, session as the user's list shows it) of those of the sessions that are the users', or shared with them."""
    rows = Session.objects.filter(id__in=list(sessions)).order_by("updated_at")
    own = rows.filter(owner_id__in=list(users)).annotate(reader=F("owner_id"), role=Value("owner"))
    shared = rows.filter(shares__user_id__in=list(users)).annotate(
        reader=F("shares__user_id"), role=F("shares__role"), owner_name=F("owner__username")
    )
    found = [*queries.with_version(own), *queries.with_version(shared)]
    return [(row.reader, session_info(row)) for row in found]  # type: ignore[attr-defined]


def _tell(user_id: int, notice: Notice) -> None:
    feed = hubs.hub().feeds.get(stream_of(user_id))
    if feed is not None:
        frame = frames.of_notice(notice)
        for subscription in tuple(feed.readers):
            subscription.tell(frame)


_followers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Follower] = WeakKeyDictionary()


async def follow(user_id: int) -> None:
    """From now on, tell the readers of the user's account in this process of changes in the list of sessions."""
    loop = asyncio.get_running_loop()
    if loop not in _followers:
        _followers[loop] = _Follower()
    await _followers[loop].follow(user_id)
