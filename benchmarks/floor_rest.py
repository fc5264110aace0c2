"""The floor of c: FastAPI and asyncpg, three statements, and nothing else. Runs in an environment of its own."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg  # type: ignore[import-not-found]
from fastapi import FastAPI  # type: ignore[import-not-found]
from pydantic import BaseModel

ADVANCE = "UPDATE floor_stream SET version = version + 1 WHERE id = $1 RETURNING version"
EVENT = "INSERT INTO floor_event VALUES ($1, $2, $3::jsonb, now())"
MESSAGE = "INSERT INTO floor_message VALUES ($1, $2, $3::jsonb, now())"

pool: Any = None


class Body(BaseModel):
    """What is posted."""

    content: str


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """asyncpg finds the database by the PG… variables."""
    global pool
    async with asyncpg.create_pool(min_size=1, max_size=16) as pool:
        yield


async def add(session: UUID, body: Body) -> dict[str, Any]:
    """Advance the stream, write both rows, commit."""
    data = json.dumps({"content": [{"type": "text", "text": body.content}]})
    async with pool.acquire() as connection, connection.transaction():
        version = await connection.fetchval(ADVANCE, session)
        await connection.execute(EVENT, session, version, data)
        await connection.execute(MESSAGE, session, version, data)
    return {"session_id": session, "version": version, "content": body.content}


async def ready() -> dict[str, str]:
    """For whoever waits for the start."""
    return {"status": "ready"}


application = FastAPI(lifespan=lifespan)
application.add_api_route("/api/v1/sessions/{session}/messages/", add, methods=["POST"], status_code=201)
application.add_api_route("/readyz", ready)
