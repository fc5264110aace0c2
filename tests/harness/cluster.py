"""A Stack on a PostgreSQL and a Redis of its own, a FaultProxy before each, and everything in it can be killed."""

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from config import settings as ours
from config.embedded import EmbeddedServers
from config.embedded.home import Home
from config.embedded.postgres import ROLE, Postgres
from config.embedded.redis import Redis
from tests.flow.stack import Browser, Process, Stack, free_port, wait_until
from tests.harness.proxy import FaultProxy

OUR_PLUGINS = ("tests.harness.slow_plugin", "tests.harness.deadly_plugin")


class Twin(Browser):
    """Another browser with the same login, at any web: logging in costs half a second, by design."""

    def __init__(self, original: Browser, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=30, cookies=dict(original.client.cookies))


class Cluster(Stack):
    """Webs and workers reach PostgreSQL and Redis through `database_proxy` and `redis_proxy`; the tests directly."""

    def __init__(self, name: str, *, webs: int = 2, workers: int = 2, settings: dict[str, str] | None = None) -> None:
        home = ours.VAR / "promises" / name
        self.servers = EmbeddedServers(home)
        self.servers.start()
        opened = Home.open(home)
        self.postgres, self.redis = Postgres(opened), Redis(opened)
        self.database_proxy = FaultProxy(self.postgres.traces[1], free_port())
        self.redis_proxy = FaultProxy(self.redis.socket, free_port())
        self.folder = ours.VAR / "promises" / f"{name}-files"
        self.folder.mkdir(parents=True, exist_ok=True)
        database = f"{ROLE}:{self.postgres.password}@127.0.0.1:{self.database_proxy.port}"
        plugins = [*OUR_PLUGINS, *filter(None, [os.environ.get("PLUGINS")])]
        given = {
            "DATABASE_URL": f"postgres://{database}/flow_{name}",
            "REDIS_URL": f"redis://:{self.redis.password}@127.0.0.1:{self.redis_proxy.port}/0",
            "PLUGINS": ",".join(plugins),
            "SLOW_FOLDER": str(self.folder),
            **(settings or {}),
        }
        super().__init__(name, webs=webs, workers=workers, settings=given)
        self._login: Browser | None = None

    def connect(self, database: str = "") -> "psycopg.Connection[Any]":
        """A connection past the proxy."""
        return psycopg.connect(self.postgres.url, dbname=database or self.database, autocommit=True)

    def stop(self) -> None:
        """End everything, the servers too."""
        self.heal()
        super().stop()
        self.database_proxy.close()
        self.redis_proxy.close()
        self.servers.stop()

    def heal(self) -> None:
        """No more faults: servers up, proxies passing, processes running."""
        self.database_proxy.heal()
        self.redis_proxy.heal()
        self.servers.start()
        for process in (*self.webs, *self.workers):
            process.kill(signal.SIGCONT)
            if process.process is not None and process.process.poll() is not None:
                process.start()

    def wait_for_webs(self) -> None:
        """Until every web says it is ready."""
        for number in range(len(self.webs)):
            self.wait_for_web(number)

    def browser(self, number: int = 0) -> Browser:
        """Alice at one web, without logging in again; closed with the others after the test."""
        if self._login is None:
            self._login = Browser(self.url(0), "alice")
            self._login.client.close()
        made = Twin(self._login, self.url(number % len(self.webs)))
        self._browsers.append(made)
        return made

    # -- faults ----------------------------------------------------------------------------------------------------

    def kill_web(self, number: int) -> None:
        """kill -9, and start it again at once."""
        self.webs[number].stop(signal.SIGKILL)
        self.webs[number].start()

    def kill_worker(self, number: int) -> None:
        """kill -9, and start it again at once."""
        self.workers[number].stop(signal.SIGKILL)
        self.workers[number].start()

    def worker_with(self, pid: int) -> Process:
        """The worker whose process this is."""
        return next(worker for worker in self.workers if worker.process is not None and worker.process.pid == pid)

    def restart_postgres(self) -> None:
        """What `pg_ctl restart -m immediate` does: no goodbye, then recovery from the log. Returns when it answers."""
        self.kill_postgres()
        self.start_servers()

    def kill_postgres(self) -> None:
        """What `pg_ctl stop -m immediate` does."""
        self._end(self.postgres, signal.SIGQUIT)

    def kill_redis(self) -> None:
        """kill -9; it comes back with `start_servers`, empty."""
        self._end(self.redis, signal.SIGKILL)

    def start_servers(self) -> None:
        """Bring back what is down; returns when both answer."""
        self.servers.start()

    def flush_redis(self) -> None:
        """FLUSHALL."""
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def _end(self, server: Postgres | Redis, number: int) -> None:
        pid = server.pid()
        assert pid is not None, f"{server.name} does not run"
        os.kill(pid, number)
        wait_until(partial(_gone, pid), what=f"the end of {server.name}")

    # -- what is stored --------------------------------------------------------------------------------------------

    def messages(self, session: str) -> list[tuple[int, str | None, str | None]]:
        """(version, message id, text) of every event of a session, by version; ids of messages only."""
        query = (
            "SELECT version, data->>'message_id', data#>>'{content,0,text}' FROM bus_storedevent"
            " WHERE stream = %s ORDER BY version"
        )
        with self.connect() as database:
            return [(row[0], row[1], row[2]) for row in database.execute(query, [session]).fetchall()]


def _gone(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
