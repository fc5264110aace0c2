"""ETag, If-Match and the other headers that become a command's context."""

import re
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from bus.bus import bus
from bus.exceptions import Invalid
from bus.messages import KEY_PATTERN, Command, CommandResult, Context
from bus.models import Work
from sessions_app.api.authentication import actor_of, scopes_of
from sessions_app.api.problems import InProgress, PreconditionFailed, PreconditionRequired
from sessions_app.models import Session

_ETAG = re.compile(r'(?:W/)?"v(\d{1,18})"')
_KEY = re.compile(KEY_PATTERN)


def context_of(request: Request, expected_version: int | None = None) -> Context:
    """The command's context: the caller, the request's id as correlation, the Idempotency-Key, the version that the
    body or If-Match names. Raises Invalid, PreconditionFailed."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid("An Idempotency-Key has 1 to 200 printable ASCII characters.")
    used = key if request.method == "POST" else None  # the others are safe to repeat by If-Match, or by nature
    correlation = getattr(request._request, "request_id", "")
    return Context(
        actor=actor_of(request),
        correlation_id=correlation,
        expected_version=_expected(request, expected_version),
        idempotency_key=used,
        scopes=scopes_of(request),
    )


def _expected(request: Request, said: int | None) -> int | None:
    """If-Match holds for every write; where it fails only when it is looked at again, see `problems.as_problem`."""
    given = request.headers.get("If-Match", "*").strip()
    if given == "*":
        return said
    found = _ETAG.fullmatch(given)
    if found is None or said not in (None, int(found[1])):
        raise PreconditionFailed(f"If-Match says {given[:40]}, which is not the version of this session.")
    return int(found[1])


def execute(command: Command, context: Context) -> CommandResult:
    """Run a command now. Raises what it is refused with; InProgress when its key is that of a queued command, whose
    result is with `commands/{id}/`."""
    result = bus.execute(command, context)
    first = result.command_id
    if result.data is None and first not in (None, context.command_id) and Work.objects.filter(id=str(first)).exists():
        raise InProgress(command_id=str(first))
    return result


def expected_version_in(body: dict[str, Any]) -> int | None:
    """Takes `expected_version` out of a body. Raises Invalid."""
    expected = body.pop("expected_version", None)
    if expected is not None and (type(expected) is not int or expected < 0):
        raise Invalid("'expected_version' must be a version number.")
    return expected


def matched_version(request: Request, session: Session) -> int:
    """The version If-Match names. Raises PreconditionRequired without one, PreconditionFailed for an old one."""
    given = request.headers.get("If-Match")
    if given is None:
        raise PreconditionRequired
    version: int = session.version  # type: ignore[attr-defined]
    found = _ETAG.fullmatch(given.strip())
    if given.strip() != "*" and (found is None or int(found[1]) != version):
        raise PreconditionFailed(
            f"If-Match says {given[:40]}, the session is at version {version}.", current_version=version
        )
    return version


def in_session(row: Any, shown: dict[str, Any]) -> Response:
    """What is in a session, with the session's version as its ETag; `row` comes from `queries`."""
    return tagged(Response(shown), row.head)


def tagged(response: Response, version: int | None) -> Response:
    """The answer with the session's version as its ETag."""
    if version is not None:
        response["ETag"] = f'"v{version}"'
    return response
