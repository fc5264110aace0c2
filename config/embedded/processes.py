"""Proof that a process is ours, before it is waited for or signalled; called by `server`."""

import os
import subprocess
from pathlib import Path


def works_in(pid: int, folder: Path, program: str = "") -> bool:
    """Whether process `pid` works in `folder` (and runs `program`); False for a zombie."""
    process = Path("/proc") / str(pid)
    try:
        return os.path.samefile(process / "cwd", folder) and program in (process / "comm").read_text()
    except OSError:
        if Path("/proc/self").exists():
            return False
    # macOS: our servers name their folder on the command line
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return str(folder) in listed.stdout and program in listed.stdout
