"""A pooled connection is asked whether it lives only when something has happened to it: a query for each request would
cost as much as the request's own work. What PostgreSQL (or the network) says on its own, it says by closing."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Set by `ENGINE`; CONN_HEALTH_CHECKS stays off."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> "psycopg.Connection[Any]":
        """A connection from the pool that nobody has closed meanwhile. Raises OperationalError when there is none."""
        while True:
            connection: psycopg.Connection[Any] = super().get_new_connection(conn_params)
            if self.pool is None or not _said_something(connection) or _lives(connection):
                return connection
            self.pool.putconn(connection)  # closed: the pool replaces it


def _said_something(connection: "psycopg.Connection[Any]") -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _lives(connection: "psycopg.Connection[Any]") -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        connection.close()
        return False
    return True
