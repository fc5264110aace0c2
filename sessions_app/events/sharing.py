"""What can have happened to who else may use a session."""

from bus.messages import Event
from sessions_app.values import ShareRole


class SessionShared(Event):
    """Somebody may use the session in this role from now on."""

    user_id: int
    role: ShareRole


class SessionUnshared(Event):
    """Somebody may use it no more."""

    user_id: int
