"""What can be asked about who else may use a session."""

from typing import Annotated

from msgspec import Meta

from bus.messages import SessionCommand
from sessions_app.values import ShareRole, UserId

Username = Annotated[str, Meta(min_length=1, max_length=150)]


class ShareSession(SessionCommand):
    """Let somebody read the session (`viewer`), or change it too (`editor`). Given again, the role is changed."""

    scope = "sessions:write"
    access = "own"

    username: Username
    role: ShareRole = "viewer"


class UnshareSession(SessionCommand):
    """End it: the owner for anybody, everybody for themselves."""

    scope = "sessions:write"
    access = "read"
    parts = True

    user_id: UserId
