"""The embedded Redis, which may lose everything at any time: command line and URLs; called by `servers`."""

import signal
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import binaries
from .errors import EmbeddedError
from .server import Server

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory-policy": "noeviction",
    "set-proc-title": "no",  # keep `--dir` in the process list
}


class Redis(Server):
    name = "redis"
    wheel = binaries.REDIS
    stop_signal = signal.SIGTERM  # with `save ""` the same as SHUTDOWN NOSAVE

    @property
    def socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://:{self.password}@{self.socket}?db=0"

    @property
    def traces(self) -> list[Path]:
        return [self.folder / "redis.pid", self.socket]

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
                client.ping()
        except redis.AuthenticationError as error:
            raise EmbeddedError(
                f"The Redis on {self.socket} has another password than {self.home.folder} records: stop it."
            ) from error
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        return True

    def command(self, programs: Path) -> list[str | Path]:
        settings = SETTINGS | {
            "dir": str(self.folder),
            "pidfile": str(self.traces[0]),
            "unixsocket": str(self.socket),
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [programs / "redis-server", "-", *options]

    def standard_input(self) -> str:
        """The part of the configuration that must not show in the process list."""
        return f"requirepass {self.password}\n"
