"""A whole Parley from outside: webs and workers as processes on a database of their own, used as a user would."""

import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from django.conf import settings as settings_of_tests
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection

from config import settings as ours

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 30.0


def _migrations() -> str:
    """Names all that makes an empty database ours."""
    files = [*sorted(ROOT.glob("*/migrations/*.py")), ROOT / "requirements.txt"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


TEMPLATE = f"flow_template_{_migrations()}"


def wait_until(condition: Callable[[], Any], *, deadline: float = DEADLINE, what: str = "the condition") -> Any:
    """The condition's first true value; an error that names it when there is none in time."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {deadline} s")


def free_port() -> int:
    """A free port below the range from which the system takes outgoing ones."""
    for _ in range(100):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


class Process:
    """One web or worker in a process group of its own; its output goes to a file under var/."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again)."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self._arguments],
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def has_said(self, text: bytes) -> bool:
        """Whether its output contains the text."""
        return text in self.log.read_bytes()

    def kill(self, number: int) -> None:
        """Send a signal to its whole group."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and wait; its return code."""
        self.kill(number)
        assert self.process is not None
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGKILL)
            return self.process.wait()


class Stack:
    """`webs` and `workers`; users by name with password `<name>-password`."""

    def __init__(
        self,
        name: str,
        *,
        webs: int = 1,
        workers: int = 1,
        settings: dict[str, str] | None = None,
        server: tuple[str, ...] = ("serve", "--port"),
    ) -> None:
        self.name = name
        self._server = server
        self.database = f"flow_{name}"
        self.log_folder = ours.VAR / "flow"
        self.log_folder.mkdir(parents=True, exist_ok=True)
        self._admin_url = ours.DATABASE_URL
        self.database_url = urlsplit(ours.DATABASE_URL)._replace(path=f"/{self.database}").geturl()
        self.ports: list[int] = []
        self._browsers: list[Browser] = []
        self.webs: list[Process] = []
        self.workers: list[Process] = []
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_PREFIX": f"flow-{name}",
            "LOG_LEVEL": "INFO",
            "ARTIFACT_STORAGE_OPTIONS": json.dumps(dict(settings_of_tests.STORAGES["artifacts"]["OPTIONS"])),
            **(settings or {}),
        }
        for number in range(webs):
            self._add_web(number)
        for number in range(workers):
            arguments = ["manage.py", "worker", "--name", f"worker{number}-{name}@%h"]
            self.workers.append(self._process(f"worker{number}", arguments, self.environment))

    def _add_web(self, number: int) -> None:
        port = free_port()
        self.ports.append(port)
        environment = {**self.environment, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        arguments = ["manage.py", *self._server, str(port)]
        self.webs.append(self._process(f"web{number}", arguments, environment))

    def _process(self, name: str, arguments: list[str], environment: dict[str, str]) -> Process:
        log = self.log_folder / f"{self.name}-{name}.log"
        log.unlink(missing_ok=True)
        return Process(name, arguments, environment, log)

    def connect(self, database: str = "") -> "psycopg.Connection[Any]":
        """A connection to the stack's database (or another of the same server)."""
        parameters = dict(connection.get_connection_params())
        wanted: Any = {key: parameters[key] for key in ("user", "password", "host", "port") if key in parameters}
        return psycopg.connect(**wanted, dbname=database or self.database, autocommit=True)

    def create_database(self) -> None:
        """A fresh, migrated database with the users: a copy of the first one made of these migrations."""
        with self.connect("postgres") as admin:
            admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [TEMPLATE])
            admin.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)".encode())
            if admin.execute("SELECT FROM pg_database WHERE datname = %s", [TEMPLATE]).rowcount:
                admin.execute(f"CREATE DATABASE {self.database} TEMPLATE {TEMPLATE}".encode())
                return
            admin.execute(f"CREATE DATABASE {self.database}".encode())
            self._fill_database()
            admin.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE {self.database}".encode())

    def _fill_database(self) -> None:
        self.manage("migrate", "--noinput", "-v0")
        with self.connect() as database:
            for name in ("alice", "bob"):
                database.execute(
                    "INSERT INTO auth_user (username, password, is_active, is_staff, is_superuser, first_name,"
                    " last_name, email, date_joined) VALUES (%s, %s, true, false, false, '', '', '', now())",
                    [name, PBKDF2PasswordHasher().encode(f"{name}-password", "salt")],
                )

    def manage(self, *arguments: str) -> str:
        """Run a management command on the stack's database; its output."""
        environment = {**self.environment, "PUBLIC_URL": "http://127.0.0.1:8000"}
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> "Stack":
        """Bring everything up and wait until it is ready."""
        self.create_database()
        for process in (*self.webs, *self.workers):
            process.start()
        for number in range(len(self.webs)):
            self.wait_for_web(number)
        for worker in self.workers:
            wait_until(partial(worker.has_said, b"worker ready"), what=f"{worker.name} being ready")
        return self

    def wait_for_web(self, number: int) -> None:
        """Until the web says it is ready."""

        def ready() -> bool:
            try:
                return httpx.get(f"{self.url(number)}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(ready, what=f"web {number} being ready (see {self.webs[number].log})")

    def stop(self) -> None:
        """End everything."""
        self.close_browsers()
        for process in (*self.webs, *self.workers):
            if process.process is not None:
                process.stop()

    def url(self, number: int = 0) -> str:
        """The address of a web."""
        return f"http://127.0.0.1:{self.ports[number]}"

    def login(self, name: str, number: int = 0) -> "Browser":
        """A logged-in user at one web."""
        browser = Browser(self.url(number), name)
        self._browsers.append(browser)
        return browser

    def close_browsers(self) -> None:
        """Close what was logged in; after each test."""
        while self._browsers:
            self._browsers.pop().client.close()


class Browser:
    """A logged-in HTTP client that sends the CSRF token."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=30)
        page = self.client.get("/login/")
        assert page.status_code == 200, page.text
        form = {
            "username": name,
            "password": f"{name}-password",
            "csrfmiddlewaretoken": self.client.cookies["csrftoken"],
        }
        answer = self.client.post("/login/", data=form)
        assert answer.status_code == 302, answer.text

    @property
    def cookies(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A REST call under /api/v1/."""
        sent = {"X-CSRFToken": self.client.cookies["csrftoken"], **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.client.request(method, f"/api/v1/{path}", json=body, headers=sent)

    def new_session(self, **fields: Any) -> str:
        """Create a session; its id."""
        answer = self.call("POST", "sessions/", fields)
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    def say(self, session: str, text: str, **fields: Any) -> dict[str, Any]:
        """Add a user message; the answer."""
        answer = self.call("POST", f"sessions/{session}/messages/", {"content": text, **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made
