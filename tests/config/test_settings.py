"""S12: the deployment check is clean, and the server does not boot with settings that are unsafe or make no sense."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import safety

ROOT = Path(__file__).resolve().parents[2]
SOUND = {
    "DATABASE_URL": "postgres://parley:secret@127.0.0.1:1/parley",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "PUBLIC_URL": "https://parley.example.org",
}


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A Python in an environment with these variables and none of ours; nothing is connected to."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = kept | SOUND | {"PARLEY_VAR": str(folder)} | variables
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def boot(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return run("-c", "import config.settings", folder=folder, **variables)


def test_the_deployment_check_is_clean(tmp_path: Path) -> None:
    found = run("manage.py", "check", "--deploy", "--fail-level", "INFO", folder=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "no issues" in found.stdout


def test_leases_that_end_before_they_are_renewed_are_found(tmp_path: Path) -> None:
    found = run("manage.py", "check", folder=tmp_path, BUS_LEASE_SECONDS="15", BUS_RENEW_SECONDS="10")
    assert found.returncode == 1
    assert "bus.E002" in found.stderr


def test_sound_settings_boot(tmp_path: Path) -> None:
    found = boot(tmp_path, ALLOWED_HOSTS="a.example.org, b.example.org", DEBUG="no")
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "parley.example.org, *"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "https://parley.example.org,*"),
        ("DATABASE_URL", "sqlite:///db.sqlite3"),
        ("DATABASE_URL", "mysql://localhost/parley"),
        ("PUBLIC_URL", "parley.example.org"),
        ("PUBLIC_URL", "ftp://parley.example.org"),
        ("PUBLIC_URL", "https://"),
        ("BODY_LIMIT", "1 MB"),
        ("BODY_LIMIT", "0"),
        ("MAX_CONCURRENT_REQUESTS", "0"),
        ("DATABASE_POOL", "1"),
        ("BUS_POLL_INTERVAL", "0"),
        ("BUS_READER_TIMEOUT", "nan"),
        ("BUS_LEASE_SECONDS", "-5"),
        ("DEBUG", "maybe"),
        ("DEBUG", "true"),
        ("PUBLIC_URL", "http://parley.example.org"),
        ("SECRET_KEY", "secret"),
        ("SECRET_KEY", "x" * 60),
    ],
)
def test_unsafe_or_malformed_settings_do_not_boot(tmp_path: Path, variable: str, value: str) -> None:
    found = boot(tmp_path, **{variable: value})
    assert found.returncode != 0
    assert "ImproperlyConfigured" in found.stderr
    assert variable in found.stderr.splitlines()[-1]


def refusal(public_url: str, *, debug: bool = False, secret: str = "0123456789" * 5) -> str:
    """The variable that the settings are refused for; nothing when they are fine."""
    try:
        safety.refuse_unsafe(public_url, debug=debug, secret=secret)
    except ImproperlyConfigured as refused:
        return str(refused).split()[0]
    return ""


@pytest.mark.parametrize(
    "host", ["parley.example.org", "1.1.1.1", "[2606:4700::1111]", "example.org.", "localhost.evil.org"]
)
def test_what_others_can_reach_is_encrypted_and_shows_no_code(host: str) -> None:
    assert refusal(f"http://{host}") == "PUBLIC_URL"
    assert refusal(f"https://{host}") == ""
    assert refusal(f"https://{host}", debug=True) == "DEBUG"


@pytest.mark.parametrize(
    "host", ["parley", "nas.local", "192.168.1.5:8000", "[fd00::1]", "10.0.0.1", "parley.internal"]
)
def test_at_home_it_need_not_be_encrypted(host: str) -> None:
    assert refusal(f"http://{host}") == ""
    assert refusal(f"http://{host}", debug=True) == "DEBUG"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]", "parley.localhost"])
def test_on_ones_own_machine_everything_is_allowed_but_a_secret_that_can_be_guessed(host: str) -> None:
    assert refusal(f"http://{host}", debug=True) == ""
    for secret in ("", "x" * 100, "0123456789" * 4, "django-insecure-" + "0123456789" * 5):
        assert refusal(f"http://{host}", secret=secret) == "SECRET_KEY"


def test_what_a_leaked_cookie_needs_is_kept_from_it(tmp_path: Path) -> None:
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SECURE_HSTS_SECONDS")
    show = f"import config.settings as s; print(all(getattr(s, name) for name in {names}))"
    assert run("-c", show, folder=tmp_path).stdout.strip() == "True"


def test_a_url_that_is_no_database_is_refused(tmp_path: Path) -> None:
    assert boot(tmp_path, DATABASE_URL="nonsense").returncode != 0


@pytest.mark.parametrize("origin", ["parley.example.org", "https://*.example.org", "*.example.org", "null"])
def test_an_origin_that_is_not_a_full_one_is_refused(tmp_path: Path, origin: str) -> None:
    assert boot(tmp_path, ALLOWED_ORIGINS=origin).returncode != 0


def test_the_secret_is_made_once_and_kept_for_oneself(tmp_path: Path) -> None:
    show = "import config.settings as s; print(s.SECRET_KEY)"
    first, second = (run("-c", show, folder=tmp_path).stdout for _ in range(2))
    assert first == second
    assert len(first) > 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
