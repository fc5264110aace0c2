"""Whose cookie it is: Django's sessions and users, each read by one prepared statement. The ORM takes longer to write
these two queries than PostgreSQL to answer them, and every request of a browser asks both."""

from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

from bus import sql

_SESSION = (
    "SELECT session_key, session_data, expire_date FROM django_session WHERE session_key = %s AND expire_date > now()"
)


@cache
def _user() -> tuple[list[str], str]:
    columns = [field.column or "" for field in User._meta.concrete_fields]
    return columns, f"SELECT {', '.join(columns)} FROM auth_user WHERE id = %s::int"


class SessionStore(db.SessionStore):
    """SESSION_ENGINE."""

    def _get_session_from_db(self) -> Session | None:
        rows = sql.fetch(_SESSION, [self.session_key])
        if rows:
            key, data, expires = rows[0]
            return Session(session_key=key, session_data=data, expire_date=expires)
        self._session_key = None
        return None


class Backend(ModelBackend):
    """AUTHENTICATION_BACKENDS: name and password, as Django does it."""

    def get_user(self, user_id: Any) -> User | None:
        """The user, unless disabled."""
        columns, query = _user()
        rows = sql.fetch(query, [int(user_id)])
        user = User.from_db("default", columns, rows[0]) if rows else None
        return user if user is not None and self.user_can_authenticate(user) else None
