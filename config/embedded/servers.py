"""The public face: URLs without starting anything, and start/stop shared by all processes of a checkout.

Called by the settings, `manage.py up` and the tests; calls `home`, `sharing`, `postgres` and `redis`."""

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from .folders import explained
from .home import Home
from .postgres import Postgres
from .redis import Redis
from .sharing import FileLock


class EmbeddedServers:
    """A private PostgreSQL and Redis under `home`, used by any number of processes at once.

    Each holds a share from `start` to `stop`, or to its end however it ends; a forked child holds none
    until it calls `start` itself. Who gives back the last share stops the servers; if that one was killed,
    they run on and the next `start` adopts them. All methods and URLs raise EmbeddedError."""

    def __init__(self, home: Path, *, postgres: bool = True, redis: bool = True) -> None:
        self._asked = home
        self._wants_postgres = postgres
        self._wants_redis = redis
        self._share: FileLock | None = None

    @property
    def keeps_database(self) -> bool:
        """Whether the database is ours, and no operator's."""
        return self._wants_postgres

    @property
    def database_url(self) -> str:
        """For dj-database-url and psycopg; fills USER, PASSWORD, HOST, PORT and NAME."""
        return self._postgres.url

    @property
    def redis_url(self) -> str:
        """For `redis.from_url` and channels_redis."""
        return self._redis.url

    def start(self) -> None:
        """Take a share, and start what is wanted and not yet running; again: check and start again."""
        if not (self._wants_postgres or self._wants_redis):
            return  # both are elsewhere: leave no folders behind
        with self._deciding(), contextlib.ExitStack() as undo:
            if self._share is None or not self._share.is_open:
                self._share = FileLock(self._home.folder / "users.lock")
                self._share.hold_shared()
                undo.callback(self._leave)
            if self._wants_postgres:
                self._postgres.start()
            if self._wants_redis:
                self._redis.start()
            undo.pop_all()

    def stop(self) -> None:
        """Give back the share, if held; the last one out stops the servers."""
        if self._share is not None and self._share.is_open:
            with self._deciding():
                self._leave()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @cached_property
    def _home(self) -> Home:
        return Home.open(self._asked)

    @cached_property
    def _postgres(self) -> Postgres:
        return Postgres(self._home)

    @cached_property
    def _redis(self) -> Redis:
        return Redis(self._home)

    @contextlib.contextmanager
    def _deciding(self) -> Iterator[None]:
        """One process at a time starts or stops."""
        home = self._home
        with explained(home.folder), contextlib.closing(FileLock(home.folder / "start.lock")) as lock:
            lock.hold_exclusive()
            yield

    def _leave(self) -> None:
        """Both servers go, wanted here or not: an earlier user may have started the other."""
        share, self._share = self._share, None
        if share is None:
            return
        with contextlib.closing(share), contextlib.ExitStack() as both:
            if share.try_exclusive():
                both.callback(self._postgres.stop)
                both.callback(self._redis.stop)
