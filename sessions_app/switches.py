"""The switches of plugins: what the bus and the tools ask before a plugin acts. Written in the admin, and by a plugin
that fails again and again.

Every process reads the rows at most once a second, so that a switch takes effect everywhere without a restart."""

import logging
import threading
import time

import psycopg
from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, connection, transaction

from bus import plugins, sql
from bus.switch import Switch
from sessions_app.models import Plugin

logger = logging.getLogger(__name__)

LONGEST_NAME, LONGEST_ERROR = 300, 2000
FRESH = 1.0
"""Seconds for which what was read counts."""

_READ = "SELECT name, enabled, failing FROM sessions_app_plugin"
_FAILED = """
INSERT INTO sessions_app_plugin AS p
    (name, enabled, failures, failures_total, failing, last_error, last_error_at, changed_at)
VALUES (%(name)s::text, %(most)s::int > 1, 1, 1, %(where)s::text, %(error)s::text, now(), now())
ON CONFLICT (name) DO UPDATE SET failures = p.failures + 1, failures_total = p.failures_total + 1,
    failing = excluded.failing, last_error = excluded.last_error, last_error_at = now(),
    enabled = p.enabled AND p.failures + 1 < %(most)s::int,
    changed_at = CASE WHEN p.enabled AND p.failures + 1 >= %(most)s::int THEN now() ELSE p.changed_at END
RETURNING enabled, failures
"""
_WORKED = """
UPDATE sessions_app_plugin SET failures = 0, failing = ''
WHERE name = %(name)s::text AND failing = %(where)s::text AND enabled RETURNING name
"""


class Switches(Switch):
    """The rows, as this process has last read them."""

    def __init__(self) -> None:
        self._until = 0.0
        self._off: frozenset[str] = frozenset()
        self._failing: dict[str, str] = {}
        self._reading = threading.Lock()

    @property
    def slow(self) -> float:  # type: ignore[override]
        """As the setting says."""
        return float(settings.PLUGIN_SLOW)

    def off(self, plugin: str) -> bool:
        """Whether it is switched off; the rows are read anew where the last look is old."""
        if time.monotonic() >= self._until and self._reading.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._reading.release()
        return plugin in self._off

    def forget(self) -> None:
        """Look again at once."""
        self._until = 0.0

    def failed(self, plugin: str, where: str, error: str) -> None:
        """Counted once the transaction it happened in has committed: no lock is held on the plugin's row meanwhile."""
        transaction.on_commit(lambda: self._count(plugin, where, error), robust=True)

    def worked(self, plugin: str, where: str) -> None:
        """What failed last does not fail in a row. What else the plugin does says nothing of that."""
        if self._failing.get(plugin) == where:
            self._failing = {name: failing for name, failing in self._failing.items() if name != plugin}
            transaction.on_commit(lambda: _write(_WORKED, name=plugin, where=where), robust=True)

    def _count(self, plugin: str, where: str, error: str) -> None:
        where, most = where[:LONGEST_NAME], settings.PLUGIN_FAILURES
        ((enabled, failures),) = _write(_FAILED, name=plugin, where=where, error=error[:LONGEST_ERROR], most=most)
        self._failing = {**self._failing, plugin: where}
        if not enabled and plugin not in self._off:
            self._off |= {plugin}
            said = "the plugin %s has failed %d times in a row and is switched off; %s: %s"
            logger.error(said, plugin, failures, where, error)

    def _read(self) -> None:
        """Where the database cannot be asked, what was known stays."""
        self._until = time.monotonic() + FRESH
        try:
            if connection.in_atomic_block and connection.needs_rollback:
                return
            rows = sql.fetch(_READ, ())
        except (DatabaseError, psycopg.Error, SynchronousOnlyOperation) as error:
            logger.warning("the switches of the plugins could not be read: %r", error)
            return
        self._off = frozenset(name for name, enabled, _ in rows if not enabled)
        self._failing = {name: failing for name, _, failing in rows if failing}


def _write(statement: str, **values: object) -> list[tuple[object, ...]]:
    return sql.fetch(statement, values)


def ensure_rows() -> None:
    """A row for each plugin this process knows, for the admin to show."""
    Plugin.objects.bulk_create([Plugin(name=name) for name in plugins.loaded], ignore_conflicts=True)


switches = Switches()
"""The process's switches."""
