"""The folder of one checkout's servers: where it really lies, its passwords, account and socket folders.

Created by `servers`; read by `server`, `postgres`, `redis`, `binaries`. Starts nothing."""

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .account import Account, account_name
from .errors import EmbeddedError
from .folders import create_folders, explained, publish

IDENTITY = "identity.json"
POINTER = "data-folder"
ROOT_DATA = Path("/var/lib/parley")
# sun_path holds 108 bytes on Linux, 104 on macOS, with the closing zero
LONGEST_SOCKET_PATH = 103
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
# a comma, for one, separates hosts for libpq and folders for PostgreSQL
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True)
class Home:
    """`folder` holds all data; `passwords` are by server name."""

    folder: Path
    account: Account
    passwords: dict[str, str]

    @classmethod
    def open(cls, asked: Path) -> Self:
        """Read the home, or create it with new passwords; all processes that do this at once agree."""
        home = asked.absolute()
        with explained(home):
            home = asked.resolve()
            create_folders(home)
            folder = _data_folder(home)
            create_folders(folder)
            identity = _identity(folder)
        return cls(folder, Account.choose(identity.pop("account")), identity)

    def socket_folder(self, server: str) -> Path:
        """The server's own folder, or one in /tmp when its path is too long for a socket or not plain.

        Not $XDG_RUNTIME_DIR: cron, ssh and a desktop session of one user must compute the same path."""
        folder = self.folder / server
        path = str(folder / LONGEST_SOCKET_NAME)
        if len(path) <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(path):
            return folder
        return Path("/tmp") / f"parley-{_digest(f'{os.geteuid()}:{folder}')}"


def _data_folder(home: Path) -> Path:
    """`home`, or a folder outside when root's servers, which do not run as root, cannot reach it.

    Decided once and written down: permissions that change later must not bring up an empty database."""
    pointer = home / POINTER
    if not pointer.exists():
        if (home / IDENTITY).exists() or Account.choose().can("-x", home):
            return home
        publish(pointer, str(ROOT_DATA / f"{home.name}-{_digest(str(home))}"))
    return Path(pointer.read_text())


def _identity(folder: Path) -> dict[str, str]:
    path = folder / IDENTITY
    if not path.exists():
        fresh = {"account": Account.choose().name} | {server: secrets.token_hex(24) for server in ("postgres", "redis")}
        publish(path, json.dumps(fresh))
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise EmbeddedError(
            f"{folder} was created by {account_name(owner)}, and you are {account_name(os.geteuid())}: run as"
            f" {account_name(owner)}, or move that folder away to begin with an empty database."
        )
    identity: dict[str, str] = json.loads(path.read_text())
    return identity


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
