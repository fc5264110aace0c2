"""Which processes there are, for people to look at: each tells Redis now and then, under a key that goes away by
itself. Nothing depends on it; without Redis nobody is known to be there."""

import json
import logging
import os
import socket
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from bus import gauges

EVERY, KEPT = 5.0, 20
"""Seconds between beats, and after which a process that is not heard of any more is forgotten."""
PATIENCE = 1.0
"""Seconds for Redis to answer."""
MOST = 500
"""Processes that are shown."""

NAME = f"{socket.gethostname()}:{os.getpid()}"
"""As the leases name their holders."""

logger = logging.getLogger(__name__)


def redis() -> Redis:
    """A client that does not wait for long, and does not try again."""
    return Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
    )


class Heartbeat:
    """One per process; its thread ends with the process, or when it is stopped."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._since = time.time()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin, at once."""
        self._thread.start()

    def stop(self) -> None:
        """Be gone at once, as far as Redis can be told."""
        self._stopping.set()
        self._thread.join(timeout=2 * PATIENCE)

    def _repeat(self) -> None:
        with redis() as client:
            while True:
                try:
                    client.set(_key(NAME), json.dumps(self._state()), ex=KEPT)
                except RedisError as error:
                    logger.debug("no heartbeat: %r", error)
                if self._stopping.wait(EVERY):
                    break
            with suppress(RedisError):
                client.delete(_key(NAME))

    def _state(self) -> dict[str, Any]:
        stats = gauges.pool()
        pool = {"size": stats.get("pool_size", 0), "waiting": stats.get("requests_waiting", 0)}
        return {"name": NAME, "kind": self._kind, "since": self._since, "at": time.time(), **pool}


@cache
def heartbeat(kind: str) -> Heartbeat:
    """The process's own."""
    return Heartbeat(kind)


def processes() -> list[dict[str, Any]]:
    """Those heard of lately, by kind and name. Raises RedisError."""
    with redis() as client:
        keys: Any = [key for key, _ in zip(client.scan_iter(match=_key("*"), count=1000), range(MOST), strict=False)]
        found: Any = client.mget(keys) if keys else []
    states = [json.loads(one) for one in found if one is not None]
    return sorted(states, key=lambda state: (state["kind"], state["name"]))


def _key(name: str) -> str:
    return f"{settings.REDIS_PREFIX}:process:{name}"
