"""Who may ask how often: a user, whatever the token or browser; a stranger by the address."""

from functools import wraps
from math import ceil
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from rest_framework.request import Request

from bus.exceptions import BusError
from bus.messages import Command
from bus.models import Idempotency
from config.rates import Decision, Rate, limiter
from sessions_app.accounts.audit import address_of
from sessions_app.api.authentication import actor_of

BEGIN_RUNS = frozenset(
    {"request-run", "retry-run", "continue-run", "regenerate-message", "edit-message", "compact-context"}
    | {"start-graph", "execute-prompt", "execute-parallel", "retry-graph"}
)
SAFE = ("GET", "HEAD", "OPTIONS")


class RateLimited(BusError):
    """You have asked too often; nothing was done."""

    code = "rate-limited"
    status = 429

    def __init__(self, kind: str, wait: float) -> None:
        self.retry_after = ceil(wait)
        super().__init__(f"More {kind} than are allowed in a minute; come back in {self.retry_after} s.")


def check(request: Request, kind: str) -> None:
    """Count the request among its kind. What repeats a request that was let in (its Idempotency-Key is known) is a
    read. Raises RateLimited."""
    name = str(actor_of(request)) if request.user.is_authenticated else f"address:{address_of(request._request)}"
    decision = _taken(kind, name)
    if decision is None:
        return
    request._request.rate = (kind, Rate(settings.RATES[kind]), decision)  # type: ignore[attr-defined]
    last = decision if decision.allowed or not _is_repeated(request) else _taken("reads", name)
    if last is not None and not last.allowed:
        raise RateLimited(kind, decision.wait)


def check_command(request: Request, command: Command) -> None:
    """Where a command may begin a run and the address does not tell, it counts as what begins runs, too. Raises
    RateLimited."""
    if command.type in BEGIN_RUNS or getattr(command, "answer", False):
        check(request, "runs")


def _taken(kind: str, name: str) -> Decision | None:
    """One of that kind counted under that name; None: any number is allowed."""
    count = settings.RATES[kind]
    return limiter().take(f"{kind}:{name}", Rate(count)) if count else None


def _is_repeated(request: Request) -> bool:
    key = request.headers.get("Idempotency-Key", "")
    mine = Idempotency.objects.filter(principal=str(actor_of(request)), key=key)
    return request.method == "POST" and key.isprintable() and mine.exists()


def with_rate(request: Request, response: HttpResponseBase) -> HttpResponseBase:
    """The answer with what is left, as the IETF's draft on RateLimit header fields has it."""
    rated = getattr(request._request, "rate", None)
    if rated is not None:
        kind, rate, decision = rated
        response["RateLimit-Policy"] = f'"{kind}";q={rate.requests};w={rate.seconds}'
        response["RateLimit"] = f'"{kind}";r={decision.left};t={ceil(decision.full)}'
    return response


def log_ins_counted(view: Any) -> Any:
    """A page with a form to log in, whose tries are counted by their address."""

    @wraps(view)
    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        decision = None if request.method in SAFE else _taken("logins", f"address:{address_of(request)}")
        if decision is not None and not decision.allowed:
            return _too_often(request, decision)
        return view(request, *args, **kwargs)  # type: ignore[no-any-return]

    return counted


def _too_often(request: HttpRequest, decision: Decision) -> HttpResponse:
    seconds = ceil(decision.wait)
    page = render(request, "429.html", {"seconds": seconds}, status=429)
    page["Retry-After"] = str(seconds)
    return page
