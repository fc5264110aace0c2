"""Asks a server with OpenAI's embeddings for vectors. Not a plugin; called by `memory`, never in a transaction."""

import asyncio
import logging
import time
from collections.abc import Sequence
from importlib import import_module

import msgspec
from django.conf import settings
from django.db import connection

from bus.loop import submit
from sessions_app.llm.addresses import NotAllowed

HEADERS = frozenset({"content-type", "accept", "host", "authorization"})
LONGEST = 8_000
"""Bytes of a text that are embedded: servers take some 8,000 tokens, and none is shorter than a byte."""
REFUSALS = frozenset({400, 413, 422})
"""What servers say to a text they do not take: an empty one, or one too long for them. Others of 4xx (a wrong key, a
wrong address, too many requests) have nothing to do with what was asked."""
PLAIN = "hello"
MOST_DIMENSIONS = 4_096
MOST_QUESTIONS = 512
MOST_BYTES = 4_000_000
PAUSE = 60.0
"""Seconds a server that failed is left alone."""

logger = logging.getLogger(__name__)
_resumes = 0.0
_questions: dict[str, str] = {}


class EmbedderFailed(Exception):
    """There are no vectors now."""


class EmbedderRefused(EmbedderFailed):
    """There are none for these texts; there may be for others."""


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


def ready() -> bool:
    """Whether there is a server to ask, and it has not just failed."""
    return bool(settings.EMBEDDER_URL) and not connection.in_atomic_block and time.monotonic() >= _resumes


def embed(texts: Sequence[str]) -> list[str]:
    """A vector for each text, as pgvector reads it. Waits for the server; raises EmbedderRefused where it will not have
    one of the texts, and EmbedderFailed where it has to be left alone for a while."""
    try:
        asked = submit(_asked([_cut(text) for text in texts]))
        return asked.result(settings.EMBEDDER_TIMEOUT + 5)
    except EmbedderRefused:  # nobody else has to wait for what was wrong with these
        raise
    except Exception as error:  # whatever the network and the other side do; never their words, which may hold the key
        _leave_alone(error.detail if isinstance(error, NotAllowed) else type(error).__name__)
        raise EmbedderFailed from None


def check() -> None:
    """Raises EmbedderFailed where the server does not take the plainest text: then it is not the texts' fault."""
    try:
        embed([PLAIN])
    except EmbedderRefused:
        _leave_alone("it refuses every text")
        raise EmbedderFailed from None


def forget() -> None:
    """Ask again at once, whatever was."""
    global _resumes
    _resumes = 0.0
    _questions.clear()


def known(text: str) -> bool:
    """Whether the vector of that question need not be asked for."""
    return text in _questions


def of_question(text: str) -> str:
    """The vector of what is looked for; asked for once, and kept while few others are."""
    vector = _questions.get(text)
    if vector is None:
        while len(_questions) >= MOST_QUESTIONS:
            _questions.pop(next(iter(_questions), ""), None)
        vector = _questions[text] = embed([text])[0]
    return vector


def _cut(text: str) -> str:
    return text.encode(errors="ignore")[:LONGEST].decode(errors="ignore")


def _leave_alone(detail: str) -> None:
    global _resumes
    _resumes = time.monotonic() + PAUSE
    logger.warning("no embeddings, next try in %.0f s: %s", PAUSE, detail)


async def _asked(texts: list[str]) -> list[str]:
    egress = import_module("sessions_app.llm.egress")  # the web processes need no HTTP client until they ask
    url = settings.EMBEDDER_URL.rstrip("/")
    client = egress.client(url, headers=HEADERS, key=settings.EMBEDDER_KEY)
    body = msgspec.json.encode({"model": settings.EMBEDDER_MODEL, "input": texts, "encoding_format": "float"})
    async with asyncio.timeout(settings.EMBEDDER_TIMEOUT), client:
        address, headers = f"{url}/embeddings", {"content-type": "application/json"}
        async with client.stream("POST", address, content=body, headers=headers) as answer:
            if answer.status_code != 200:
                raise EmbedderRefused if answer.status_code in REFUSALS else EmbedderFailed
            read = bytearray()
            async for piece in answer.aiter_bytes():
                read += piece
                if len(read) > MOST_BYTES:
                    raise EmbedderRefused
    return _vectors(bytes(read), len(texts))


def _vectors(body: bytes, count: int) -> list[str]:
    """Raises EmbedderRefused: a server may have no vector for one odd text, or no numbers in it."""
    try:
        items = sorted(msgspec.json.decode(body, type=_Answer).data, key=lambda item: item.index)
    except msgspec.DecodeError:
        raise EmbedderRefused from None
    if len(items) != count or any(not 0 < len(item.embedding) <= MOST_DIMENSIONS for item in items):
        raise EmbedderRefused
    if any(abs(value) > 1e6 for item in items for value in item.embedding):
        raise EmbedderRefused
    return ["[" + ",".join(f"{value:.7f}" for value in item.embedding) + "]" for item in items]
