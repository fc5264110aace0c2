"""`manage.py up`: one web and one worker as child processes, restarted when they die, stopped in order at Ctrl-C.

The children live in sessions of their own, so that the terminal's Ctrl-C reaches only this process, and they hold the
reading end of a pipe: should this process be killed, the pipe closes and they stop too (see `follow_supervisor`)."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

LIFELINE = "PARLEY_LIFELINE"
QUIET = "WARNING"
"""The children's LOG_LEVEL unless one is set: the login link should not drown in what went well."""
RESTART_PAUSE = 1.0
STOP_TIMEOUT = 35.0


class Child(NamedTuple):
    """A process to keep running: its name for messages, and its management command."""

    name: str
    arguments: tuple[str, ...]


class Supervisor:
    """Runs children until SIGTERM or SIGINT; stops them in the order given, each before the next."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = {child.name: child for child in children}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._reading, self._writing = os.pipe()

    def start(self) -> None:
        """Start all children."""
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, lambda *_: self._stopping.set())
        for child in self._children.values():
            self._start(child)

    def run(self) -> None:
        """Restart what dies, until told to stop; then stop everything."""
        while not self._stopping.wait(0.2):
            for name, process in tuple(self._running.items()):
                if process.poll() is not None:
                    print(f"parley: {name} ended with {process.returncode}; starting it again", file=sys.stderr)
                    self._stopping.wait(RESTART_PAUSE)
                    if not self._stopping.is_set():
                        self._start(self._children[name])
        self.stop()

    def stop(self) -> None:
        """Stop the children, one after the other: first who takes new work, then who does it."""
        for name, process in self._running.items():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                print(f"parley: {name} did not stop in {STOP_TIMEOUT:.0f} s; killing it", file=sys.stderr)
                process.kill()
                process.wait()

    @property
    def stopping(self) -> bool:
        """Whether the end was asked for."""
        return self._stopping.is_set()

    def _start(self, child: Child) -> None:
        self._running[child.name] = subprocess.Popen(
            [sys.executable, "manage.py", *child.arguments],
            env={"LOG_LEVEL": QUIET, **os.environ, LIFELINE: str(self._reading)},
            pass_fds=(self._reading,),
            start_new_session=True,
        )


def follow_supervisor() -> None:
    """In a child: stop when the supervisor is gone. Without one, nothing."""
    descriptor = os.environ.pop(LIFELINE, None)
    if descriptor is None:
        return

    def wait() -> None:
        os.read(int(descriptor), 1)  # returns only when the writing end has closed
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def wait_until(condition: Callable[[], bool], *, deadline: float, pause: float = 0.05) -> bool:
    """Whether the condition came true within `deadline` seconds."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return False
