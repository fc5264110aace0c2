"""How often somebody may ask: one atomic step in Redis, so that no two requests share a place; while Redis is away, the
same by this process alone. What costs money is not counted here but in PostgreSQL (`llm/budgets`), exactly."""

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

MOST_KEPT = 10_000
"""Callers that one process remembers while Redis is away."""


class Rate(NamedTuple):
    """So many requests in so many seconds; all of them at once, too."""

    requests: int
    seconds: int = 60


class Decision(NamedTuple):
    """`left`: requests that could follow at once. `wait`: seconds until one may; `full`: until all may again."""

    allowed: bool
    left: int
    wait: float
    full: float


def decide(due: float, now: float, rate: Rate) -> tuple[float, Decision]:
    """The generic cell rate algorithm (ITU-T I.371): `due` is when all that was allowed is paid for, in seconds; it
    grows by a request's share of the period, and is at most a period ahead of now. The new `due`, and what to say."""
    share = rate.seconds / rate.requests
    due = max(due, now)
    ahead = due + share - rate.seconds - now
    if ahead > share / 1e6:  # rounding is nobody's fault
        return due, Decision(False, 0, ahead, due - now)
    due += share
    return due, Decision(True, int((rate.seconds - (due - now)) / share + 1e-6), 0.0, due - now)


_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local count, period = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000000
local share = period / count
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local ahead = due + share - period - now
if ahead > 1 then
  return {0, 0, math.ceil(ahead), math.ceil(due - now)}
end
due = due + share
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
return {1, math.floor((period - (due - now)) / share + 0.001), 0, math.ceil(due - now)}
"""
"""The same by the clock of Redis, in microseconds."""


class Limiter:
    """Counts for the whole server, or for this process while Redis is away. Safe in any thread."""

    def __init__(self, url: str, prefix: str, *, timeout: float, pause: float) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=16,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self._script: Callable[..., Any] = redis.Redis(connection_pool=pool).register_script(_SCRIPT)
        self._prefix = prefix
        self._pause = pause
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._dues: dict[str, float] = {}

    def take(self, name: str, rate: Rate) -> Decision:
        """Count one request under this name."""
        if time.monotonic() >= self._away_until:
            try:
                allowed, left, wait, full = self._script(keys=[f"{self._prefix}:rate:{name}"], args=list(rate))
            except redis.RedisError:
                self._away_until = time.monotonic() + self._pause
            else:
                return Decision(bool(allowed), left, wait / 1e6, full / 1e6)
        return self._here(name, rate)

    def _here(self, name: str, rate: Rate) -> Decision:
        now = time.monotonic()
        with self._lock:
            due, decision = decide(self._dues.get(name, now), now, rate)
            if len(self._dues) >= MOST_KEPT and name not in self._dues:
                self._dues = {key: at for key, at in self._dues.items() if at > now}
            if len(self._dues) < MOST_KEPT or name in self._dues:
                self._dues[name] = due
        return decision


_limiter: Limiter | None = None


def limiter() -> Limiter:
    """This process's."""
    global _limiter
    if _limiter is None:
        _limiter = Limiter(
            settings.REDIS_URL, settings.REDIS_PREFIX, timeout=settings.RATE_TIMEOUT, pause=settings.RATE_PAUSE
        )
    return _limiter
