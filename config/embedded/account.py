"""Who the servers run as: ourselves, or as root an unprivileged account (PostgreSQL refuses root).

Called by `home` (to choose), `binaries` and `server` (to run programs)."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import EmbeddedError

OVERRIDE = "PARLEY_EMBEDDED_USER"
PREFERRED = ("postgres", "nobody")


def is_root() -> bool:
    return os.geteuid() == 0


def account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # usual in containers
        return str(uid)


@dataclass(frozen=True)
class Account:
    """The account of the servers."""

    name: str
    uid: int
    gid: int

    @classmethod
    def choose(cls, recorded: str | None = None) -> Self:
        """Ourselves unless root; then $PARLEY_EMBEDDED_USER, the `recorded` name, or the first that exists.

        The recorded one comes before the preferred ones, so that installing a system PostgreSQL
        (which creates `postgres`) does not lock us out of data owned by `nobody`."""
        if not is_root():
            return cls(account_name(os.geteuid()), os.geteuid(), os.getegid())
        asked = os.environ.get(OVERRIDE)
        for name in [asked] if asked else [*filter(None, [recorded]), *PREFERRED]:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            if entry.pw_uid != 0:
                return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root and the account {asked or ' or '.join(PREFERRED)!r} is no "
            f"unprivileged account of this machine: set {OVERRIDE} to one that is."
        )

    def run(self, *command: str | Path, stdin: str = "", folder: str | Path = "/") -> subprocess.CompletedProcess[str]:
        """Run a command under this account: in `folder`, in a session of its own, in a clean environment.

        The session keeps the terminal's Ctrl-C away; the environment keeps $PGPORT, $PGDATA etc. out."""
        switch = is_root()
        try:
            return subprocess.run(
                command,
                input=stdin,
                cwd=folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                text=True,
                capture_output=True,
                check=False,
                start_new_session=True,
                user=self.uid if switch else None,
                group=self.gid if switch else None,
                extra_groups=[] if switch else None,
            )
        except OSError as error:
            raise EmbeddedError(f"{command[0]} cannot be run as {self.name} in {folder}: {error}.") from error

    def can(self, access: str, path: Path) -> bool:
        """Whether this account has the access `-r` or `-x` of test(1) to `path`.

        The kernel is asked, as that account: it knows of every ancestor, group, ACL and mount option."""
        return not is_root() or self.run("/bin/sh", "-c", f'test {access} "$1"', "sh", path).returncode == 0
