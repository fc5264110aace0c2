"""An operator's browser: Charlie, who may do everything."""

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests.flow.stack import Stack

MAKE = (
    "INSERT INTO auth_user (username, password, is_active, is_staff, is_superuser, first_name, last_name, email,"
    " date_joined) VALUES ('charlie', %s, true, true, true, '', '', '', now()) ON CONFLICT DO NOTHING"
)


def employ(stack: Stack) -> None:
    """Make Charlie, unless somebody has."""
    with stack.connect() as database:
        database.execute(MAKE, [PBKDF2PasswordHasher().encode("charlie-password", "salt")])


def rows(stack: Stack, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the stack's database answers."""
    with stack.connect() as database:
        found: list[tuple[Any, ...]] = database.execute(sql.encode(), values).fetchall()
    return found
