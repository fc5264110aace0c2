"""What can be asked about how long a session is kept."""

from bus.messages import Command, SessionCommand
from sessions_app.values import Days, UserId


class EraseSession(SessionCommand):
    """Remove the session and everything it says, for good, also from the log. The answer is a report of what was."""

    scope = "sessions:write"
    access = "erase"
    parts = True


class EraseUser(Command):
    """Remove what is known of a user, for good; their sessions must have been erased before. The account stays, without
    a name, and nobody can log in to it."""

    staff_only = True
    opens = True

    user_id: UserId


class SetRetention(SessionCommand):
    """After how many days without a change the session is erased; 0: never, null: as the server has it."""

    scope = "sessions:write"
    access = "own"

    days: Days | None = None
