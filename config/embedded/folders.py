"""Folders and files that appear complete or not at all, and errors that name the folder.

Called by `home`, `binaries`, `server`. Permissions of folders that already exist are never changed."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .account import OVERRIDE, Account, account_name
from .errors import EmbeddedError


def create_folders(path: Path) -> None:
    """Create `path` and its missing ancestors so that the servers' account can pass, whatever the umask."""
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            _create(folder, 0o755, None)


def create_private_folder(path: Path, account: Account) -> None:
    """Create `path` for `account` alone, or check that it is so (in /tmp anybody could be first)."""
    if not path.exists():
        _create(path, 0o700, account)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise EmbeddedError(f"{path} is not a folder (a symbolic link, perhaps): remove it.")
    if status.st_uid != account.uid:
        owner = account_name(status.st_uid)
        raise EmbeddedError(
            f"{path} belongs to {owner}, but the servers would run as {account.name}: move it away"
            f" (it may hold your database), or set {OVERRIDE}={owner} if that account is meant to run them."
        )
    if status.st_mode & 0o077:
        raise EmbeddedError(f"{path} is open to other users: run chmod 700 on it.")


def _create(path: Path, mode: int, owner: Account | None) -> None:
    """Make the folder under another name first: nobody sees it with a wrong mode or owner."""
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
    new.chmod(mode)
    if owner:
        os.chown(new, owner.uid, owner.gid)
    try:
        new.rename(path)
    except OSError:
        new.rmdir()
        if not path.is_dir():  # otherwise another process was first, which is as good
            raise


def publish(path: Path, text: str) -> None:
    """Create the file `path` (0600) with this text, durably; of two processes one wins, both go on."""
    descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make new and renamed entries of a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn an operating system error about our files into one sentence that names the folder."""
    try:
        yield
    except PermissionError as error:
        raise EmbeddedError(
            f"{folder} cannot be used by {account_name(os.geteuid())} ({error}): run as the user who created"
            " it, or move it away to begin with an empty database."
        ) from error
    except OSError as error:
        raise EmbeddedError(f"{folder} cannot be used: {error}.") from error
