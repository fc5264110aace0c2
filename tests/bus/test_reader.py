"""The pool from which sockets read the log: who leaves in mid-query cuts nothing off, and leaves the connection."""

import asyncio
import random

import pytest

from bus.live import reader
from bus.models import Stream

pytestmark = pytest.mark.django_db(transaction=True)

MOMENTS = 100
"""Turns of the loop within which a reader leaves."""
MARK = 4711
SLOW = f"""
WITH late AS MATERIALIZED (SELECT pg_sleep(0.2))
INSERT INTO bus_stream (id, version) SELECT gen_random_uuid(), {MARK} FROM late RETURNING version
"""


def test_a_query_is_not_cut_off_when_its_reader_leaves() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.fetch(SLOW, [])
        await reader.close()

    asyncio.run(main())
    assert Stream.objects.filter(version=MARK).count() == 1


@pytest.mark.parametrize("seed", range(3))
def test_readers_who_leave_at_any_moment_leave_their_connections(seed: int) -> None:
    chance = random.Random(seed)

    async def leave() -> None:
        task = asyncio.ensure_future(reader.fetch("SELECT 1", []))
        for moments in (MOMENTS, 5):  # told to stop, and told again while it does
            for _ in range(chance.randrange(moments)):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def main() -> None:
        await asyncio.gather(*(leave() for _ in range(400)))
        async with asyncio.timeout(5):
            assert await asyncio.gather(*(reader.fetch("SELECT 1", []) for _ in range(50))) == [[(1,)]] * 50
        await reader.close()

    asyncio.run(main())
