"""The servers that are measured: a database of their own, webs, workers and floors as processes, and what they cost."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.measure import wait
from benchmarks.peer import Peer
from config import settings as ours
from tests.flow.stack import ROOT, Browser, Stack, free_port

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
GRANIAN = (  # as in docker-compose.yml
    *("-m", "granian", "--interface=wsgi", "--host=127.0.0.1", "--http=1", "--no-ws", "--workers=1"),
    *("--blocking-threads=12", "--backpressure=64", "--workers-kill-timeout=10", "config.wsgi:application"),
)
UVICORN = ("-m", "uvicorn", "--loop=uvloop", "--http=httptools", "--log-level=warning", "--no-access-log")


class Server:
    """A process (group) that listens on a port of its own; use it in a `with`."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.port = free_port()
        self.log = ours.VAR / f"{name}.log"
        self.environment = {**environment, "PUBLIC_URL": f"http://127.0.0.1:{self.port}"}
        self.command = [*command, f"--port={self.port}"]
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> Self:
        """Wait until it says that it is."""
        wait(self._answers, f"the start of {self.command} (see {self.log})")
        return self

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.command} ended with {self.process.returncode}; see {self.log}")
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            asked.request("GET", "/readyz")
            return asked.getresponse().status == 200
        except OSError:
            return False
        finally:
            asked.close()

    def processes(self) -> list[int]:
        """Its process and all that come of it: the group that it leads."""
        return [pid for pid, fields in _statuses() if int(fields[2]) == self.process.pid]

    def processor_seconds(self) -> float:
        """Processor time of all its processes so far, in seconds."""
        mine = [fields for _, fields in _statuses() if int(fields[2]) == self.process.pid]
        return sum(sum(int(ticks) for ticks in fields[11:15]) for fields in mine) / TICKS

    def memory(self) -> list[float]:
        """Resident memory of each of its processes, in MiB."""
        lines = [Path(f"/proc/{pid}/status").read_text().splitlines() for pid in self.processes()]
        return [float(line.split()[1]) / MIB for each in lines for line in each if line.startswith("VmRSS:")]


class Worker(Server):
    """`manage.py worker`; it listens on no port and says in its log that it is ready."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        command = [sys.executable, "manage.py", "worker", f"--name={name}@%h"]
        super().__init__(name, command, {**environment, "LOG_LEVEL": "INFO"})
        self.command = command

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the worker ended with {self.process.returncode}; see {self.log}")
        return b"worker ready" in self.log.read_bytes()

    def handles(self) -> list[str]:
        """What its open file descriptors are, by kind: socket, pipe, anon_inode, or a path."""
        found = []
        for path in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                found.append(str(path.readlink()).partition(":")[0])
        return found

    def threads(self) -> int:
        """How many threads it has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))


def _statuses() -> Iterator[tuple[int, list[str]]]:
    """Every process with what `man proc_pid_stat` lists after its name: [2] is its group, [11:15] its ticks."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield int(path.parent.name), path.read_text().rpartition(")")[2].split()


class Bench(Stack):
    """A fresh database with alice in it, and the ways to start what is measured on it."""

    def __init__(self) -> None:
        super().__init__("bench", webs=0, workers=0, settings={"LOG_LEVEL": "WARNING"})
        self.create_database()
        with self.connect() as database:
            row = database.execute("SELECT id FROM auth_user WHERE username = 'alice'").fetchone()
            assert row is not None
            self.alice = int(row[0])
            database.execute("CREATE TABLE floor_stream (id uuid PRIMARY KEY, version bigint NOT NULL)")
            columns = "stream uuid, version bigint, data jsonb, at timestamptz, PRIMARY KEY (stream, version)"
            for table in ("floor_event", "floor_message"):
                database.execute(f"CREATE TABLE {table} ({columns})".encode())

    def web(self) -> Server:
        """`manage.py serve`."""
        return Server("bench-web", [sys.executable, "manage.py", "serve"], self.environment)

    def api(self) -> Server:
        """The WSGI process."""
        return Server("bench-api", [sys.executable, *GRANIAN], self.environment)

    def worker(self, name: str = "bench-worker", **settings: str) -> Worker:
        """`manage.py worker`."""
        return Worker(name, {**self.environment, **settings})

    def provider(self) -> Server:
        """A model provider (see `benchmarks.floor_provider`)."""
        return Server("bench-provider", [sys.executable, "-m", "benchmarks.floor_provider"], self.environment)

    def floor(self, application: str, python: Path | str = sys.executable) -> Server:
        """A bare application on uvicorn."""
        with self.connect() as database:
            info = database.info
            environment = {"PGHOST": info.host, "PGPORT": str(info.port), "PGUSER": info.user}
            environment |= {"PGPASSWORD": info.password, "PGDATABASE": info.dbname, "REDIS_URL": ours.REDIS_URL}
        command = [str(python), *UVICORN, application]
        return Server("bench-floor", command, {**self.environment, **environment})

    def writer(self) -> Peer:
        """A process that writes when asked."""
        return Peer("benchmarks.writer", {**self.environment, "PUBLIC_URL": "http://127.0.0.1:8000"})

    def load(self, module: str) -> Peer:
        """A process that makes requests or holds sockets when asked."""
        return Peer(module, dict(os.environ))

    def sessions(self, writer: Peer, count: int, messages: int = 0) -> list[str]:
        """New sessions of alice, with so many messages each; the floors know them too."""
        made: list[str] = writer.ask("fill_sessions", owner=self.alice, count=count)
        if messages:
            writer.ask("fill_messages", owner=self.alice, sessions=made, count=messages)
        with self.connect() as database:
            database.execute("INSERT INTO floor_stream SELECT unnest(%s::uuid[]), 0", [made])
        return made

    def headers(self, server: Server) -> str:
        """The header lines of alice, logged in at this server."""
        browser = Browser(server.url, "alice")
        browser.client.close()
        token = browser.client.cookies["csrftoken"]
        return f"Host: 127.0.0.1:{server.port}\r\nCookie: {browser.cookies}\r\nX-CSRFToken: {token}\r\n"


def floor_python() -> Path | None:
    """The interpreter of the floors' own virtual environment; None, and a line that says why, where it cannot be."""
    folder = ours.VAR / "venv"
    stamp = folder / REQUIREMENTS.name
    if stamp.exists() and stamp.read_bytes() == REQUIREMENTS.read_bytes():
        return folder / "bin" / "python"
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False, capture_output=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", "-r", str(REQUIREMENTS)]
    if made.returncode or subprocess.run(install, check=False, capture_output=True, timeout=300).returncode:
        print("bench: FastAPI and asyncpg cannot be installed here; their floor is left out", file=sys.stderr)
        return None
    shutil.copyfile(REQUIREMENTS, stamp)
    return folder / "bin" / "python"
