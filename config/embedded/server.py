"""What PostgreSQL and Redis have in common: start or adopt, prove ownership, wait, stop.

Called by `servers`, which holds the start lock meanwhile; subclassed by `postgres` and `redis`."""

import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from .binaries import Wheel, find_programs
from .errors import EmbeddedError
from .folders import create_private_folder, explained
from .home import Home
from .processes import works_in

PATIENCE = 30.0  # seconds for a server to answer or to go
POLL = 0.02
# Started in the background by a shell that ends at once: the server becomes a child of init, so whoever
# stops it need not be its parent. `$1` is the log, the rest the command; standard input is passed on.
LAUNCH = 'umask 077; log=$1; shift; exec 3<&0; "$@" <&3 3<&- >>"$log" 2>&1 & echo $!'


class Server(ABC):
    """One server of a home, running or not; all it has lies in `folder`, its sockets in `sockets`."""

    name: ClassVar[str]
    wheel: ClassVar[Wheel]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, home: Home) -> None:
        self.home = home
        self.password = home.passwords[self.name]
        self.folder = home.folder / self.name
        self.sockets = home.socket_folder(self.name)
        self.log = self.folder / "server.log"
        self.work = self.folder  # the server's working directory, which proves that a process is ours

    @property
    @abstractmethod
    def traces(self) -> list[Path]:
        """The files a running server has and a dead one may leave behind; the first holds its pid."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server takes our password now; EmbeddedError when it never will."""

    @abstractmethod
    def command(self, programs: Path) -> list[str | Path]:
        """The command line of the server, in the foreground."""

    def prepare(self, programs: Path) -> None:
        """Create what the server needs and does not create itself."""
        create_private_folder(self.folder, self.home.account)
        create_private_folder(self.sockets, self.home.account)

    def sweep(self) -> None:
        """Remove what a dead server left behind."""
        for trace in self.traces:
            trace.unlink(missing_ok=True)

    def standard_input(self) -> str:
        return ""

    def should_retry(self, logged: str) -> bool:
        """Whether a start that failed with this log may succeed a moment later."""
        return False

    def start(self) -> None:
        """Return when the server answers: started now, or before by somebody else."""
        deadline = time.monotonic() + PATIENCE
        if self._comes_up(self.pid(), deadline):
            return
        programs = find_programs(self.wheel, self.home)
        with explained(self.folder):
            self.prepare(programs)
            self.sweep()
            logged_before = self._log_size()
            while not self._comes_up(self._launch(programs), deadline):
                if not self.should_retry(self._logged(logged_before)):
                    raise EmbeddedError(f"{self.name} ended at once; {self._last_words()}")
                time.sleep(10 * POLL)
                logged_before = self._log_size()

    def stop(self) -> None:
        """Stop the server and wait until it is gone; a process that is not provably ours is left alone."""
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, self.stop_signal)
            deadline = time.monotonic() + PATIENCE
            while works_in(pid, self.work):
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"{self.name} did not stop in {PATIENCE:.0f} s; {self._last_words()}")
                time.sleep(POLL)
        elif self.answers():  # e.g. in another container on the same volume
            return
        with explained(self.folder):
            self.sweep()
            if self.sockets != self.folder:
                with contextlib.suppress(OSError):
                    self.sockets.rmdir()

    def pid(self) -> int | None:
        """The running server's process id; None when the pid file is missing, or stale and its pid reused."""
        try:
            pid = int(self.traces[0].read_text().partition("\n")[0])
        except (OSError, ValueError):
            return None
        return pid if works_in(pid, self.work, Path(self.wheel.program).name) else None

    def _comes_up(self, pid: int | None, deadline: float) -> bool:
        """Wait until the server answers; False as soon as it does not and process `pid` is gone."""
        while not self.answers():
            if pid is None or not works_in(pid, self.work):
                return False
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.name} does not answer; {self._last_words()}")
            time.sleep(POLL)
        return True

    def _launch(self, programs: Path) -> int:
        command = "/bin/sh", "-c", LAUNCH, "sh", self.log, *self.command(programs)
        done = self.home.account.run(*command, stdin=self.standard_input(), folder=self.work)
        if done.returncode or done.stderr:
            raise EmbeddedError(f"{self.name} cannot be started: {done.stderr.strip()}")
        return int(done.stdout)

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _logged(self, since: int) -> str:
        return self.log.read_bytes()[since:].decode(errors="replace")

    def _last_words(self) -> str:
        lines = self._logged(0).splitlines()[-8:] if self.log.exists() else []
        return "\n".join([f"the end of {self.log} says:", *lines])
