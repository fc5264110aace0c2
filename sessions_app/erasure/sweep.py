"""What has not changed for long enough is erased, by the sweepers, a little at a time; several may do so at once."""

import logging
from uuid import UUID

from django.conf import settings

from bus import sql
from bus.bus import bus
from bus.exceptions import NotFound
from bus.messages import Context
from sessions_app import commands

AT_ONCE = 20
"""Sessions of one go."""

_ANY = """
SELECT 1 WHERE %(days)s::int > 0 OR EXISTS (SELECT FROM sessions_app_retention WHERE days > 0)
    OR EXISTS (SELECT FROM sessions_app_session WHERE retention_days > 0)
    OR EXISTS (SELECT FROM sessions_app_removed WHERE retention_days > 0 AND erased_at IS NULL)
"""
# the session's own days, else its owner's, else the server's; 0 is never
_DUE = """
WITH kept AS (
    SELECT id, owner_id AS owner, retention_days, updated_at AS since FROM sessions_app_session
    UNION ALL
    SELECT id, owner, retention_days, deleted_at FROM sessions_app_removed WHERE erased_at IS NULL
)
SELECT k.id FROM kept AS k LEFT JOIN sessions_app_retention AS r ON r.user_id = k.owner
WHERE coalesce(k.retention_days, r.days, %(days)s::int) > 0
    AND k.since < now() - make_interval(days => coalesce(k.retention_days, r.days, %(days)s::int))
ORDER BY k.since LIMIT %(most)s::int
"""

logger = logging.getLogger(__name__)


def due() -> list[UUID]:
    """Those that have been kept longest."""
    values = {"days": settings.RETENTION_DAYS, "most": AT_ONCE}
    return [ident for (ident,) in sql.fetch(_DUE, values)] if sql.fetch(_ANY, {"days": settings.RETENTION_DAYS}) else []


def prune() -> bool:
    """Erase some; whether there may be more. One that fails keeps none from its turn."""
    found = due()
    erased = sum(_erase(session_id) for session_id in found)
    return erased == AT_ONCE


def _erase(session_id: UUID) -> bool:
    try:
        bus.execute(commands.EraseSession(session_id=session_id), Context())
    except NotFound:
        return True  # another sweeper was quicker
    except Exception:
        logger.exception("session %s could not be erased", session_id)
        return False
    return True
