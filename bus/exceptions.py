"""Every error the bus raises. `code` and `status` become the problem document; `permanent` decides retries."""

from collections.abc import Iterable
from typing import Any, ClassVar


class BusError(Exception):
    """Something went wrong on the bus."""

    code: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500
    permanent: ClassVar[bool] = True

    def __init__(self, detail: str = "", **extra: Any) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        self.extra = extra
        super().__init__(self.detail)

    def as_problem(self) -> dict[str, Any]:
        """The error as the members of an RFC 9457 problem document."""
        return {"code": self.code, "status": self.status, "detail": self.detail, **self.extra}


class RegistrationError(BusError):
    """Two handlers, two names, or something the registry cannot take; raised at import, never at run time."""


class Refused(BusError):
    """The command was understood and refused. Base of everything a caller can cause and mend."""

    code = "validation-failed"
    status = 422


class NoHandler(Refused):
    """No handler is registered for this command."""

    code = "unknown-command"
    status = 422


class PluginDisabled(Refused):
    """The plugin this belongs to is switched off."""

    code = "plugin-disabled"
    status = 409


class Malformed(Refused):
    """The bytes are not acceptable JSON."""

    code = "malformed"
    status = 400


class TooLarge(Refused):
    """The body is larger than this server accepts."""

    code = "too-large"
    status = 413


class Invalid(Refused):
    """A field is missing, unknown, or of the wrong type."""


class Unauthenticated(Refused):
    """Log in first."""

    code = "unauthenticated"
    status = 401


class Forbidden(Refused):
    """You may not do this."""

    code = "forbidden"
    status = 403


class InsufficientScope(Forbidden):
    """The token lacks a scope."""

    def __init__(self, lacking: Iterable[str]) -> None:
        self.lacking = [scope or "*" for scope in lacking]
        super().__init__(f"This token lacks the scope {' and '.join(map(repr, self.lacking))}.")


class NotFound(Refused):
    """Not found."""

    code = "not-found"
    status = 404


class AlreadyExists(Refused):
    """Already exists."""

    code = "already-exists"
    status = 409


class VersionConflict(Refused):
    """The session has moved on since the version you expected; read it again and decide anew."""

    code = "version-conflict"
    status = 409


class IdempotencyMismatch(Refused):
    """This Idempotency-Key was already used with another body."""

    code = "idempotency-mismatch"
    status = 422


class StreamNotFound(NotFound):
    """There is no such stream in the log."""


class TooManyReactions(BusError):
    """Reactions kept producing events; the transaction was rolled back. Look for two plugins answering each other."""


class LeaseLost(BusError):
    """Another worker holds this work now; stop and write nothing."""

    code = "lease-lost"


class CancelRequested(BusError):
    """Somebody asked to cancel this work."""

    code = "cancelled"


class SubscriberTooSlow(BusError):
    """This subscriber did not read fast enough and was dropped; come back with the last version you have."""

    code = "too-slow"


class CannotResume(Invalid):
    """The log does not continue from this version: forget what you have, read the session anew, go on from its head."""


class ScopeEnded(Refused):
    """This scope has ended; its handlers are no longer registered."""

    code = "scope-ended"
