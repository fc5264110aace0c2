"""What the embedded servers survive: kill -9 of anybody, Ctrl-C, stale files, a half-done initdb."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from config.embedded import EmbeddedError, EmbeddedServers
from tests.config.embedded_homes import (
    Move,
    assert_both_work,
    pid_files,
    pids,
    query,
    until,
)


def test_data_survive_a_restart(home: Path) -> None:
    with EmbeddedServers(home) as servers:
        query(servers, "CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedServers(home) as servers:
        assert query(servers, "SELECT answer FROM kept") == (42,)


def test_servers_outlive_a_killed_user_and_the_next_adopts_them(home: Path, move_in: Move) -> None:
    victim = move_in()
    victim.does("start")
    before = pids(home)
    victim.dies()
    with EmbeddedServers(home) as servers:
        assert pids(home) == before
        assert_both_work(servers)
    assert pid_files(home) == []


def test_killed_servers_recover_with_what_was_committed(home: Path) -> None:
    servers = EmbeddedServers(home)
    servers.start()
    query(servers, "CREATE TABLE kept AS SELECT 42 AS answer")
    before = pids(home)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    servers.start()
    assert set(pids(home)).isdisjoint(before)
    assert query(servers, "SELECT answer FROM kept") == (42,)
    assert_both_work(servers)
    servers.stop()
    assert pid_files(home) == []


def test_stale_files_whose_pid_now_belongs_to_another_process_are_swept_away(home: Path) -> None:
    with EmbeddedServers(home):
        lock = next(home.rglob(".s.PGSQL.5432.lock"))
        stale = {path: path.read_text() for path in (*pid_files(home), lock)}
    # as the servers' account, or PostgreSQL itself would see that the process is not its own
    owner = (home / "postgres").stat().st_uid
    innocent = subprocess.Popen(["sleep", "600"], user=owner if os.geteuid() == 0 else None)
    try:
        for path, text in stale.items():
            path.write_text(str(innocent.pid) + "\n" + text.partition("\n")[2])
            shutil.chown(path, owner)
        servers = EmbeddedServers(home)
        servers.start()
        assert innocent.pid not in pids(home)
        assert_both_work(servers)
        for path in pid_files(home):
            path.rename(path.with_suffix(".hidden"))
            path.write_text(f"{innocent.pid}\n")
        servers.stop()
        assert innocent.poll() is None
        for path in pid_files(home):
            path.with_suffix(".hidden").rename(path)
    finally:
        innocent.kill()
        innocent.wait()


def test_a_killed_initdb_is_begun_anew(home: Path, move_in: Move) -> None:
    victim = move_in()
    victim.asked("start")
    until(lambda: any(home.glob("postgres/initdb-*")))
    victim.dies()
    assert not (home / "postgres/data").exists()
    with EmbeddedServers(home) as servers:
        assert_both_work(servers)
    leftover = home / "postgres/initdb-leftover"
    leftover.mkdir()
    with EmbeddedServers(home):
        assert not leftover.exists()


def test_ctrl_c_reaches_the_user_but_not_the_servers(home: Path, move_in: Move) -> None:
    neighbour = move_in()
    neighbour.does("start")
    before = pids(home)
    os.killpg(neighbour.process.pid, signal.SIGINT)
    neighbour.hears("interrupted")
    assert not any(os.getpgid(pid) == neighbour.process.pid for pid in before)
    assert_both_work(EmbeddedServers(home))
    assert pids(home) == before
    neighbour.does("stop")
    assert pid_files(home) == []


def test_a_server_that_cannot_start_shows_the_end_of_its_log(home: Path) -> None:
    with EmbeddedServers(home):
        pass
    (home / "postgres/data/PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedError, match="incompatible with server"):
        EmbeddedServers(home).start()


def test_lost_passwords_are_reported_at_once(home: Path) -> None:
    with EmbeddedServers(home):
        (home / "identity.json").rename(home / "kept")
        with pytest.raises(EmbeddedError, match="another password"):
            EmbeddedServers(home).start()
        (home / "kept").rename(home / "identity.json")
