"""Nothing lost, nothing doubled, in order: many writers, two webs, readers that are cut off again and again.

800 messages; in `make chaos` 2,000."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

from tests.flow.sockets import Follower
from tests.flow.stack import Stack
from tests.harness.scale import scaled

WRITERS = 8
MESSAGES = min(scaled(100), 250)
READERS = 4
CUTS = 50


def write(stack: Stack, session: str, writer: int) -> None:
    """One writer's messages, through one of the webs."""
    browser = stack.login("alice", writer % 2)
    for number in range(MESSAGES):
        browser.say(session, f"writer {writer}, message {number}")


async def read_and_cut(followers: list[Follower], until: int, seed: int) -> None:
    """All followers to the end, while 50 times a random one is cut, spread over the run by what was delivered."""
    chance = random.Random(seed)
    reading = [asyncio.create_task(follower.follow(until)) for follower in followers]
    for cut in range(1, CUTS + 1):
        while not any(f.versions and f.versions[-1] >= until * cut // (CUTS + 1) for f in followers):
            await asyncio.sleep(0.005)
        while not chance.choice(followers).cut():
            await asyncio.sleep(0.005)
    await asyncio.wait_for(asyncio.gather(*reading), 90)


def test_every_reader_gets_every_version_once_and_in_order(stack: Stack) -> None:
    browsers = [stack.login("alice", reader % 2) for reader in range(READERS)]
    session = browsers[0].new_session(title="busy")
    last = 1 + WRITERS * MESSAGES
    followers = [Follower(browser, session) for browser in browsers]
    with ThreadPoolExecutor(WRITERS) as writers:
        writing = [writers.submit(write, stack, session, writer) for writer in range(WRITERS)]
        asyncio.run(read_and_cut(followers, last, seed=4))
        for done in writing:
            done.result()
    assert sum(follower.cuts for follower in followers) == CUTS
    for follower in followers:
        assert follower.versions == list(range(1, last + 1))
    with stack.connect() as database:
        counted = "count(*), min(version), max(version), count(DISTINCT version)"
        row = database.execute(f"SELECT {counted} FROM bus_storedevent WHERE stream = %s", [session]).fetchone()
    assert row == (last, 1, last, last)
    assert "The rows are the same as before." in stack.manage("replay", "--check")
