"""Another process on the same home, and questions about what runs there; used by test_embedded*.py."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kombu
import psycopg
import redis

from config.embedded import EmbeddedServers

CHECKOUT = Path(__file__).resolve().parents[2]

# A process that uses the servers: it starts them, then does one thing a line, and says so.
NEIGHBOUR = """
import signal, sys
from pathlib import Path
from config.embedded import EmbeddedServers
signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
servers = EmbeddedServers(Path(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    getattr(servers, line.strip())()
    print("done", flush=True)
"""


class Neighbour:
    """Another process with its own EmbeddedServers on the same home."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NEIGHBOUR, home],
            cwd=CHECKOUT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.hears("ready")

    def hears(self, expected: str) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline().strip() == expected

    def asked(self, method: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{method}\n")
        self.process.stdin.flush()

    def does(self, method: str) -> None:
        self.asked(method)
        self.hears("done")

    def dies(self) -> None:
        self.process.kill()
        self.process.communicate()


Move = Callable[[], Neighbour]


def finish(home: Path) -> None:
    if pid_files(home):
        with EmbeddedServers(home):
            pass
    assert pid_files(home) == []


def pid_files(home: Path) -> list[Path]:
    return [path for path in (home / "postgres/data/postmaster.pid", home / "redis/redis.pid") if path.exists()]


def pids(home: Path) -> list[int]:
    """Of PostgreSQL and Redis, in this order."""
    return [int(path.read_text().split()[0]) for path in pid_files(home)]


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def query(servers: EmbeddedServers, *statements: str) -> Any:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def assert_both_work(servers: EmbeddedServers) -> None:
    assert query(servers, "SELECT 1") == (1,)
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.set("key", "value")
        assert client.get("key") == b"value"


def assert_celery_can_use(url: str) -> None:
    with kombu.Connection(url) as connection, connection.SimpleQueue("parley-test") as queue:
        queue.put({"hello": "world"})
        message = queue.get(timeout=5)
        assert message.payload == {"hello": "world"}
        message.ack()
