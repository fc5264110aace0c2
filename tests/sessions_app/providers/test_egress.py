"""S7: the server connects to nothing internal, whatever address it is given and however it is written."""

import asyncio
import os
import ssl
import subprocess
import sys
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import override_settings

from sessions_app.llm import addresses, egress
from sessions_app.llm.addresses import NotAllowed
from sessions_app.llm.base import Credentials, ProviderError, Request, Turn
from sessions_app.llm.providers.openai import OpenAIProvider
from sessions_app.values import Role, parts
from tests.architecture.sources import ROOT, containing
from tests.sessions_app.providers import stand_ins
from tests.sessions_app.providers.dialects import Answer, OpenAI
from tests.sessions_app.providers.stand_ins import StandIn, streams

ANSWER = streams([OpenAI().stream(Answer())])
REQUEST = Request(model="m", turns=(Turn(role=Role.USER, content=parts("hello")),))
LOOPBACK = (
    *("127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "2130706433", "0x7f000001", "0x7f.1", "127.1"),
    *("0177.0.0.1", "017700000001", "0.0.0.0", "0", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),  # noqa: S104
    *("[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::127.0.0.1]", "①②⑦.⓪.⓪.①", "127。0。0。1", "user@127.0.0.1"),
    *("example.org@127.0.0.1", "127.0.0.1\\@example.org", "127.0.0.1#@example.org", "127.0.0.1?.example.org"),
)
PRIVATE = (
    *("0.0.0.1", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.255.255.254", "168.63.129.16", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1"),
    *("fe80::1%eth0", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "::7f00:1"),
)
PUBLIC = ("1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


async def ask(base_url: str) -> str:
    """The text of an answer from there."""
    async with aclosing(OpenAIProvider(Credentials(api_key="sk-x", base_url=base_url))) as provider:
        return "".join([getattr(piece, "text", "") async for piece in provider.stream(REQUEST)])


async def refusal(base_url: str) -> str:
    """The code with which asking there is refused."""
    try:
        await ask(base_url)
    except ProviderError as failed:
        return failed.code
    return "answered"


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_the_open_internet_is_known(address: str) -> None:
    assert not addresses.public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_open_internet_is_open(address: str) -> None:
    assert addresses.public(address)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", LOOPBACK)
def test_no_way_of_writing_it_reaches_a_private_listener(scheme: str, host: str) -> None:
    async def tried() -> tuple[str, StandIn]:
        async with stand_ins.stand_in(ANSWER) as listener:
            return await refusal(f"{scheme}://{host}:{listener.port}/v1"), listener

    code, listener = asyncio.run(asyncio.wait_for(tried(), 20))
    assert listener.visits == []
    assert code == "not-configured" or host == "localhost."  # which is not known everywhere


def test_what_the_operator_names_is_reached() -> None:
    async def tried() -> str:
        async with stand_ins.stand_in(ANSWER) as listener:
            with override_settings(LLM_ALLOWED_HOSTS=[f"localhost:{listener.port}", "[::1]:1"]):
                said = await ask(f"http://localhost:{listener.port}/v1")
                assert await refusal(f"http://127.0.0.1:{listener.port}/v1") == "not-configured"
                assert await refusal("http://localhost:1/v1") == "not-configured"
                return said

    assert asyncio.run(asyncio.wait_for(tried(), 20)) == "Hello, world ☃"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/", "gopher://example.org:70/_", "//x", "x", ""]
)
def test_other_schemes_are_no_addresses(url: str) -> None:
    with pytest.raises(NotAllowed):
        addresses.origin(url)


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """A resolver of one's own: per name the answers to come, the last for ever. 127.0.0.1 passes for public."""
    known: dict[str, list[list[str]]] = {}
    real, is_public = asyncio.BaseEventLoop.getaddrinfo, addresses.public

    async def getaddrinfo(loop: Any, host: Any, port: Any, **options: Any) -> Any:
        if host not in known:
            return await real(loop, host, port, **options)
        found = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        return [row for address in found for row in await real(loop, address, port, **options)]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(addresses, "public", lambda address: address == "127.0.0.1" or is_public(address))
    return known


def test_a_name_that_is_rebound_between_look_and_connection_gains_nothing(names: dict[str, list[list[str]]]) -> None:
    async def tried() -> tuple[StandIn, StandIn]:
        async with stand_ins.stand_in(ANSWER) as good, stand_ins.stand_in(ANSWER, "127.0.0.2", good.port) as bad:
            names["rebound.example"] = [["127.0.0.1"], ["127.0.0.2"]]
            with override_settings(LLM_CONNECT_TIMEOUT=0.3):  # the listener does not know TLS
                await refusal(f"https://rebound.example:{good.port}/v1")
            assert await refusal(f"https://rebound.example:{good.port}/v1") == "not-configured"
            return good, bad

    good, bad = asyncio.run(asyncio.wait_for(tried(), 20))
    assert len(good.visits) == 1, "the address that was judged is the one that is connected to"
    assert bad.visits == []


@pytest.mark.parametrize("answer", [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["::1"]])
def test_a_name_with_a_private_address_is_refused_as_a_whole(
    names: dict[str, list[list[str]]], answer: list[str]
) -> None:
    async def tried() -> list[StandIn]:
        async with stand_ins.stand_in(ANSWER) as good, stand_ins.stand_in(ANSWER, "127.0.0.2", good.port) as bad:
            names["inside.example"] = [answer]
            assert await refusal(f"https://inside.example:{good.port}/v1") == "not-configured"
            return [good, bad]

    assert [listener.visits for listener in asyncio.run(asyncio.wait_for(tried(), 20))] == [[], []]


def test_a_name_that_is_never_resolved_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*args: Any, **options: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    with override_settings(LLM_CONNECT_TIMEOUT=0.2):
        assert asyncio.run(asyncio.wait_for(refusal("https://slow.example/v1"), 20)) == "network"


# -- the client --------------------------------------------------------------------------------------------------------


def test_a_client_of_one_place_goes_nowhere_else() -> None:
    async def tried() -> list[int]:
        async with stand_ins.stand_in(ANSWER) as own, stand_ins.stand_in(ANSWER) as other:
            with override_settings(LLM_ALLOWED_HOSTS=[own.host, other.host]):
                async with egress.client(own.base) as client:
                    await client.get(f"{own.base}/any/path")
                    for url in (other.base, f"https://127.0.0.1:{own.port}", f"http://localhost:{own.port}"):
                        with suppress(NotAllowed, httpx2.HTTPError):
                            await client.get(url)
            return [len(own.visits), len(other.visits)]

    assert asyncio.run(asyncio.wait_for(tried(), 20)) == [1, 0]


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tried() -> tuple[str, StandIn]:
        async with stand_ins.stand_in(ANSWER) as server, stand_ins.stand_in(ANSWER) as proxy:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, proxy.base)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            with override_settings(LLM_ALLOWED_HOSTS=[server.host]):
                return await ask(f"{server.base}/v1"), proxy

    said, proxy = asyncio.run(asyncio.wait_for(tried(), 20))
    assert said == "Hello, world ☃"
    assert proxy.visits == []


def test_a_server_with_a_certificate_of_its_own_is_told_nothing(tmp_path: Path) -> None:
    received: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(100))
        writer.close()

    async def tried() -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(tmp_path))
        server = await asyncio.start_server(script, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with override_settings(LLM_ALLOWED_HOSTS=[f"localhost:{port}"]):
                return await refusal(f"https://localhost:{port}/v1")

    assert asyncio.run(asyncio.wait_for(tried(), 20)) == "network"
    assert b"".join(received) == b""


def certificate(folder: Path) -> Path:
    """A self-signed certificate for localhost, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    signed = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, SHA256())
    path = folder / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + signed.public_bytes(Encoding.PEM))
    return path


def test_a_compressed_answer_nobody_asked_for_is_not_unpacked() -> None:
    async def tried() -> httpx2.Response:
        async with stand_ins.stand_in(stand_ins.answers(500, b"\x1f\x8b packed", content_encoding="gzip")) as server:
            with override_settings(LLM_ALLOWED_HOSTS=[server.host]):
                async with egress.client(server.base) as client:
                    return await client.get(server.base)

    assert asyncio.run(asyncio.wait_for(tried(), 20)).content == b"\x1f\x8b packed"


# -- the rule ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["AsyncClient(", "ClientSession(", "TCPConnector(", "urlopen(", "import requests"])
def test_connections_to_the_outside_are_made_in_one_place(word: str) -> None:
    assert containing(word) <= {"sessions_app/llm/egress.py"}


def test_libraries_of_providers_are_not_imported_before_they_are_needed() -> None:
    code = """
import django, sys
django.setup()
from django.conf import settings
from sessions_app.llm import addresses, catalog, engine, key_admin, keys
kinds = [catalog.kind(name) for name in settings.LLM_PROVIDERS]
assert len(kinds) >= 4
print([name for name in ("openai", "anthropic", "aiohttp", "pydantic_ai") if name in sys.modules])
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True, env=os.environ
    )
    assert said.stdout.strip() == "[]"
