"""The proxy's faults are those it is asked for: a harness that does nothing would turn every promise green."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.flow.stack import free_port
from tests.harness.proxy import FaultProxy

SHORT = 0.2


def _echo(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(client,), daemon=True).start()


def _answer(client: socket.socket) -> None:
    with client:
        try:
            while data := client.recv(1024):
                client.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """Before a server that repeats what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_echo, args=(listener,), daemon=True).start()
        made = FaultProxy(("127.0.0.1", listener.getsockname()[1]), free_port())
        yield made
        made.close()
        listener.shutdown(socket.SHUT_RDWR)


def client_of(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def ask(client: socket.socket, text: bytes) -> bytes:
    """The answer; nothing where the connection was cut."""
    try:
        client.sendall(text)
        return client.recv(1024)
    except ConnectionError:
        return b""


def test_it_passes(proxy: FaultProxy) -> None:
    with client_of(proxy) as client:
        assert ask(client, b"hello") == b"hello"


def test_a_black_hole_accepts_and_forwards_nothing_until_healed(proxy: FaultProxy) -> None:
    with client_of(proxy) as before:
        assert ask(before, b"hello") == b"hello"
        proxy.black_hole()
        with client_of(proxy) as after:
            for client in (before, after):
                client.settimeout(SHORT)
                with pytest.raises(TimeoutError):
                    ask(client, b"anybody")
            proxy.heal()
            for client in (before, after):
                client.settimeout(5)
                assert client.recv(1024) == b"anybody"


def test_a_reset_cuts_what_is_there_and_what_comes(proxy: FaultProxy) -> None:
    with client_of(proxy) as before:
        assert ask(before, b"hello") == b"hello"
        proxy.reset()
        assert ask(before, b"again") == b""
        with client_of(proxy) as after:
            assert ask(after, b"hello") == b""
    proxy.heal()
    with client_of(proxy) as client:
        assert ask(client, b"hello") == b"hello"


def test_a_delay_delays(proxy: FaultProxy) -> None:
    proxy.delay(SHORT)
    with client_of(proxy) as client:
        client.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            ask(client, b"hello")
        client.settimeout(5)
        assert client.recv(1024) == b"hello"


def test_it_cuts_after_so_many_bytes_once(proxy: FaultProxy) -> None:
    proxy.cut_after(3)
    with client_of(proxy) as client:
        assert ask(client, b"hello") == b"hel"
        assert ask(client, b"again") == b""
    with client_of(proxy) as client:
        assert ask(client, b"hello") == b"hello"
    assert proxy.cuts == 1


def test_it_cuts_on_a_reply_to_whoever_said_something(proxy: FaultProxy) -> None:
    proxy.cut_on(b"COMMIT", said=b"key-1")
    with client_of(proxy) as other, client_of(proxy) as client:
        assert ask(other, b"COMMIT") == b"COMMIT"
        assert ask(client, b"key-1") == b"key-1"
        assert ask(client, b"COMMIT") == b""
        assert ask(other, b"COMMIT") == b"COMMIT"
    assert proxy.cuts == 1
