"""The embedded PostgreSQL 18 with pgvector: command line, first initdb, URL; called by `servers`."""

import os
import secrets
import shutil
import signal
from pathlib import Path

import psycopg

from . import binaries
from .errors import EmbeddedError
from .folders import sync
from .home import Home
from .server import Server

PORT = "5432"  # only part of the socket's name; given everywhere, for $PGPORT would replace it
ROLE = DATABASE = "parley"
IMPOSSIBLE_PID = 2**30  # Linux and macOS stay far below
SETTINGS = {  # on the command line, so that a new version of this file reaches existing data
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "fsync": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# The builtin provider sorts by code point and needs no locale of the machine, so no upgrade of the
# operating system corrupts an index (PostgreSQL 18 documentation, 23.1.4 "Locale Providers").
INITDB = (
    f"--username={ROLE} --auth=scram-sha-256 --pwfile=/dev/stdin --encoding=UTF8 "
    "--locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C"
).split()


class Postgres(Server):
    name = "postgres"
    wheel = binaries.POSTGRES
    stop_signal = signal.SIGINT  # what `pg_ctl stop -m fast` sends

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.work = self.folder / "data"

    @property
    def url(self) -> str:
        """Understood alike by libpq and dj-database-url.

        The latter lowers the host's case: so capitals are percent-encoded, as is all but [a-z0-9]."""
        safe = b"abcdefghijklmnopqrstuvwxyz0123456789"
        host = "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in os.fsencode(self.sockets))
        return f"postgres://{ROLE}:{self.password}@{host}:{PORT}/{DATABASE}"

    @property
    def traces(self) -> list[Path]:
        socket = self.sockets / f".s.PGSQL.{PORT}"
        return [self.work / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if "authentication failed" in str(error):
                raise EmbeddedError(
                    f"The database in {self.folder} has another password than {self.home.folder} records:"
                    " restore its identity.json, or move the folder away to begin with an empty database."
                ) from error
            return False
        return True

    def command(self, programs: Path) -> list[str | Path]:
        settings = SETTINGS | {"unix_socket_directories": str(self.sockets)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [programs / "bin/postgres", "-D", self.work, *options]

    def prepare(self, programs: Path) -> None:
        """Also initdb, under another name until complete: a killed one never counts as data."""
        super().prepare(programs)
        for unfinished in self.folder.glob("initdb-*"):
            # an orphaned initdb may still be writing: it fails for that, and the next start sweeps the rest
            shutil.rmtree(unfinished, ignore_errors=True)
        if self.work.exists():
            return
        new = self.folder / f"initdb-{secrets.token_hex(4)}"
        # `cat` makes the pipe belong to the servers' account, which may then open it as /dev/stdin
        piped = ("/bin/sh", "-c", 'cat | "$@"', "sh")
        self._run(*piped, programs / "bin/initdb", "-D", new, *INITDB, stdin=self.password)
        single = (programs / "bin/postgres", "--single", "-D", new, "-c", "log_min_messages=error")
        self._run(*single, "template1", stdin=f"CREATE DATABASE {DATABASE}\n")
        new.rename(self.work)
        sync(self.folder)

    def sweep(self) -> None:
        """A stale postmaster.pid stays, with a pid no process can have instead of one that may be reused.

        By the rest of it PostgreSQL recognises backends that outlived a killed postmaster."""
        pid_file, *others = self.traces
        for trace in others:
            trace.unlink(missing_ok=True)
        rest = pid_file.read_text().partition("\n")[2] if pid_file.exists() else ""
        if rest:  # written by the servers' account: root follows no links in a folder that is not root's
            self._run("/bin/sh", "-c", 'cat >"$1"', "sh", pid_file, stdin=f"{IMPOSSIBLE_PID}\n{rest}")
        else:
            pid_file.unlink(missing_ok=True)

    def should_retry(self, logged: str) -> bool:
        """After a kill -9 of the postmaster its backends live on for a moment, and it refuses to start."""
        return "pre-existing shared memory block" in logged

    def _run(self, *command: str | Path, stdin: str) -> None:
        done = self.home.account.run(*command, stdin=stdin)
        if done.returncode or "ERROR" in done.stderr:
            raise EmbeddedError(f"The database in {self.folder} cannot be prepared: {done.stderr.strip()}")
