"""An operator's browser: Charlie, who may do everything; and what happens in a server."""

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests.flow.stack import Stack

_EMPLOY = (
    "INSERT INTO auth_user (username, password, is_active, is_staff, is_superuser, first_name, last_name, email,"
    " date_joined) VALUES ('charlie', %s, true, true, true, '', '', '', now()) ON CONFLICT DO NOTHING"
)
_PARK = (
    "INSERT INTO bus_parkeddelivery (subscriber, position, attempts, error, redrive, parked_at)"
    " SELECT 'memory', max(position), 5, 'It went wrong', false, now() FROM bus_storedevent RETURNING position"
)


def employ(stack: Stack) -> None:
    """Make Charlie, unless somebody has."""
    with stack.connect() as database:
        database.execute(_EMPLOY, [PBKDF2PasswordHasher().encode("charlie-password", "salt")])


def park(stack: Stack) -> int:
    """A delivery that a subscriber could not take; its position."""
    with stack.connect() as database:
        row: Any = database.execute(_PARK).fetchone()
    return int(row[0])
