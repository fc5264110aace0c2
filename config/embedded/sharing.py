"""File locks that count the users of the servers, crash-proof; called by `servers`, calls nothing.

flock belongs to the open file description: the kernel releases it when the last descriptor closes, also
after kill -9. Programs we execute never have it (close-on-exec). A forked child would, and would keep our
share after we are gone: so every child closes its copy at once, which leaves the parent's lock in place."""

import fcntl
import os
import weakref
from pathlib import Path

_open_locks: "weakref.WeakSet[FileLock]" = weakref.WeakSet()


class FileLock:
    """One lock on one file, not held at first; `close` releases it."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _open_locks.add(self)

    @property
    def is_open(self) -> bool:
        """False after `close`, and in a child forked since."""
        return self._descriptor is not None

    def hold_shared(self) -> None:
        fcntl.flock(self._opened(), fcntl.LOCK_SH)

    def hold_exclusive(self) -> None:
        fcntl.flock(self._opened(), fcntl.LOCK_EX)

    def try_exclusive(self) -> bool:
        """Whether nobody else holds it. A shared hold is lost in either case (see flock(2), CONVERSION)."""
        try:
            fcntl.flock(self._opened(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        if self._descriptor is None:
            raise ValueError("the lock is closed")
        return self._descriptor


def _close_in_child() -> None:
    for lock in list(_open_locks):
        lock.close()


os.register_at_fork(after_in_child=_close_in_child)
