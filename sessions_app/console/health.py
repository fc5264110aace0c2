"""Health: PostgreSQL, Redis, and the processes at work, as they answer now. What does not answer is shown as such."""

import platform
import time
from typing import Any

import django
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from redis import RedisError

from bus import gauges, heartbeat, sql
from sessions_app.console.common import needs, page

_POSTGRES = """
SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database())),
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'),
       current_setting('max_connections'),
       (SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float8
        FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())
"""
_HOLDERS = """
SELECT owner, count(*), min(lease_until - now()) FROM bus_work
WHERE state = 'running' AND owner <> '' GROUP BY owner ORDER BY owner LIMIT 200
"""


@needs("bus.view_work")
def health(request: HttpRequest) -> HttpResponse:
    """The page."""
    return page(
        request,
        "health",
        _("Health"),
        servers=[_postgres(), _redis(), _this_process()],
        processes=_processes(),
        holders=_holders(),
        work=gauges.open_work(),
    )


def _postgres() -> dict[str, Any]:
    began = time.perf_counter()
    try:
        sql.read("SELECT 1")
        took = time.perf_counter() - began
        version, size, connected, active, most, oldest = sql.read(_POSTGRES)[0]
    except DatabaseError as error:
        return {"name": "PostgreSQL", "error": type(error).__name__}
    facts = {
        _("Version"): version,
        _("Answers in"): f"{took * 1000:.1f} ms",
        _("Connections"): f"{connected} / {most}",
        _("Active connections"): active,
        _("Oldest transaction"): f"{oldest:.1f} s",
        _("Size"): size,
    }
    return {"name": "PostgreSQL", "facts": facts}


def _redis() -> dict[str, Any]:
    try:
        with heartbeat.redis() as asked:
            began = time.perf_counter()
            asked.ping()
            took = time.perf_counter() - began
            info: Any = asked.info()
    except RedisError as error:
        return {"name": "Redis", "error": type(error).__name__}
    facts = {
        _("Version"): info["redis_version"],
        _("Answers in"): f"{took * 1000:.1f} ms",
        _("Connections"): info["connected_clients"],
        _("Memory"): info["used_memory_human"],
        _("Up for"): f"{info['uptime_in_seconds'] // 3600} h",
    }
    return {"name": "Redis", "facts": facts}


def _this_process() -> dict[str, Any]:
    stats = gauges.pool()
    facts = {
        "Python": platform.python_version(),
        "Django": django.get_version(),
        _("Database connections, free"): f"{stats.get('pool_available', 0)} / {stats.get('pool_size', 0)}",
        _("At most"): stats.get("pool_max", "-"),
        _("Requests that wait for one"): stats.get("requests_waiting", 0),
    }
    return {"name": _("This web process"), "facts": facts}


def _processes() -> list[dict[str, Any]]:
    """Webs and workers that have been heard of lately; none where Redis does not answer."""
    now = time.time()
    try:
        found = heartbeat.processes()
    except RedisError:
        return []
    return [{**one, "heard": max(now - one["at"], 0.0), "up": (now - one["since"]) / 60} for one in found]


def _holders() -> list[dict[str, Any]]:
    """Who holds leases, and whether they are still renewed."""
    rows = sql.read(_HOLDERS)
    return [{"owner": owner, "count": count, "left": left.total_seconds()} for owner, count, left in rows]
