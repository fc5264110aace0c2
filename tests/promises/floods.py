"""Bodies nobody should send and connections that never finish, at the level of TCP; what they cost the server."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flow.stack import Process, Stack

PAGE = os.sysconf("SC_PAGE_SIZE")
PIECE = 65_536
MIB = 2**20


class Wsgi(Stack):
    """A stack whose webs are granian's, as docker-compose.yml runs them."""

    def _process(self, name: str, arguments: list[str], environment: dict[str, str]) -> Process:
        if name.startswith("web"):
            granian = ["-m", "granian", "--interface=wsgi", "--http=1", "--no-ws", "--workers=1"]
            granian += ["--blocking-threads=12", "--backpressure=64", "--workers-kill-timeout=10"]
            arguments = [*granian, f"--port={self.ports[-1]}", "config.wsgi:application"]
        return super()._process(name, arguments, environment)


def memory(process: Process) -> int:
    """Resident bytes of a process and its group."""
    assert process.process is not None
    group, total = process.process.pid, 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == group:
                total += int((entry / "statm").read_text().split()[1]) * PAGE
        except (OSError, ValueError):
            continue  # it has ended meanwhile
    return total


@contextmanager
def highest(process: Process) -> Iterator[list[int]]:
    """While inside, the resident bytes are measured; afterwards the list holds how far they rose above the first."""
    first, found, done = memory(process), [0], threading.Event()

    def measure() -> None:
        while not done.wait(0.01):  # the pace of the measurement
            found[0] = max(found[0], memory(process) - first)

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def head(path: str, port: int, *lines: str) -> bytes:
    """The beginning of a POST, without the empty line when no lines are given."""
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, ""]).encode()


def upload(port: int, path: str, size: int, *lines: str, chunked: bool = False) -> tuple[bytes, int]:
    """Send so much, whatever is answered, until the server hangs up; the answer's first line, the bytes it took."""
    piece = b"x" * PIECE
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    wire = b"%x\r\n%s\r\n" % (PIECE, piece) if chunked else piece
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head(path, port, length, *lines) + b"\r\n")
        try:
            while sent < size:
                client.sendall(wire)
                sent += PIECE
        except OSError:
            pass  # the server has hung up, as it may
        answer = b""
        try:
            while b"\r\n" not in answer and (data := client.recv(4096)):
                answer += data
        except OSError:
            pass
    return answer.split(b"\r\n")[0], sent


@contextmanager
def lorises(port: int, count: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that began to say something, and say no more than a byte now and then."""
    open_ones: list[socket.socket] = []
    done = threading.Event()

    def drip() -> None:
        while not done.wait(0.2):  # the pace of a slow client
            for one in open_ones:
                try:
                    one.send(b"x")
                except OSError:
                    continue  # given up by the server, as it should be

    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), timeout=10)
            one.sendall(beginning)
            open_ones.append(one)
        thread = threading.Thread(target=drip)
        thread.start()
        yield open_ones
        done.set()
        thread.join()
    finally:
        done.set()
        for one in open_ones:
            one.close()
