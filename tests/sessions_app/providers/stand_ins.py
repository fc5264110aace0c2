"""Stand-ins for providers: TCP servers on this machine that answer with scripted bytes and keep what they were sent.

No HTTP library takes part: what a server really puts on the wire, and where it is cut, is the point."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import msgspec

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
LAST = b"0\r\n\r\n"
Script = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One connection: what came in, and a way to answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""
        self.body = b""
        self.left = asyncio.Event()

    @property
    def json(self) -> dict[str, object]:
        """The request's body."""
        return msgspec.json.decode(self.body, type=dict[str, object])

    async def read(self) -> bool:
        """Take one request; False when the other side sends none."""
        try:
            self.head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        lines = self.head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        self.body = await self.reader.readexactly(length)
        return True

    async def send(self, data: bytes) -> None:
        """As one packet, as far as this machine can be made to."""
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the other side closes the connection."""
        while await self.reader.read(65536):
            pass
        self.left.set()


class StandIn:
    """A server with one script; the visits it had, and every byte it was ever sent."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.visits: list[Visit] = []
        self.port = 0

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        """As the allow-list names it."""
        return f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        visit = Visit(reader, writer)
        self.visits.append(visit)
        try:
            if await visit.read():
                await self.script(visit)
        except ConnectionError:
            visit.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def stand_in(script: Script, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[StandIn]:
    """The server while the block lasts."""
    made = StandIn(script)
    server = await asyncio.start_server(made.serve, host, port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for visit in made.visits:
            visit.writer.transport.abort()


def streams(pieces: Sequence[bytes], *, whole: bool = True) -> Script:
    """Sends the pieces, each as a chunk; not `whole`: cuts the connection where the end would be."""

    async def script(visit: Visit) -> None:
        await visit.send(HEAD)
        for piece in pieces:
            await visit.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            await asyncio.sleep(0)
        if whole:
            await visit.send(LAST)
        else:
            visit.writer.transport.abort()

    return script


def answers(status: int, body: bytes = b"{}", **headers: str) -> Script:
    """Answers with this status and body."""

    async def script(visit: Visit) -> None:
        said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n{said}\r\n"
        await visit.send(head.encode() + body)

    return script


def holds(first: bytes = b"") -> Script:
    """Sends the first piece of a stream, if there is one, and then nothing until the other side leaves."""

    async def script(visit: Visit) -> None:
        if first:
            await visit.send(HEAD + b"%x\r\n%s\r\n" % (len(first), first))
        await visit.gone()

    return script


async def hangs_up(visit: Visit) -> None:
    """Closes the connection without an answer."""
    visit.writer.transport.abort()


async def talks_nonsense(visit: Visit) -> None:
    """Answers in another protocol."""
    await visit.send(b"220 smtp.example.org ESMTP\r\n\r\n")


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The bytes in pieces, cut at these places."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]
