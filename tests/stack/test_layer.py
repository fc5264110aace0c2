"""The channel layer in this process: nothing is dropped in a burst, and publishing opens one connection."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import redis as redis_py
from channels.layers import get_channel_layer
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.live.broadcast import group_of
from bus.loop import submit
from bus.messages import TraceEvent, uuid7
from tests.flow.stack import wait_until
from tests.stack.private_redis import PrivateRedis

BURST = 300
"""Three times what the core layer keeps of a channel before it drops silently."""
THREADS = 8
PUBLISHED = 200


def use(settings: Settings, redis: PrivateRedis) -> None:
    """Make the private Redis this process's layer, otherwise configured as it is."""
    default = settings.CHANNEL_LAYERS["default"]
    config = {**default["CONFIG"], "hosts": [{**default["CONFIG"]["hosts"][0], "address": redis.url}]}
    settings.CHANNEL_LAYERS = {"default": {**default, "CONFIG": config}}


def test_a_burst_is_delivered_completely_and_in_order(settings: Settings, redis: PrivateRedis) -> None:
    use(settings, redis)

    async def main() -> list[int]:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        for number in range(BURST):
            await layer.send(channel, {"type": "burst", "number": number})
        async with asyncio.timeout(10):
            got = [(await layer.receive(channel))["number"] for _ in range(BURST)]
        await layer.flush()
        return got

    assert asyncio.run(main()) == list(range(BURST))


def test_the_threads_of_a_process_publish_over_one_connection(settings: Settings, redis: PrivateRedis) -> None:
    use(settings, redis)
    session = uuid7()
    group = f"{settings.REDIS_PREFIX}__group__{group_of(session)}"

    def publish(number: int) -> None:
        bus.tell(TraceEvent(session_id=session, name=f"notice {number}", milliseconds=0, events=0))

    got = bytearray()
    client: Any = redis_py.Redis.from_url(redis.url)
    with closing(client), closing(client.pubsub()) as listening, ThreadPoolExecutor(THREADS) as threads:
        listening.subscribe(group)
        before = redis.connections_made()
        for told in range(THREADS, PUBLISHED + 1, THREADS):
            list(threads.map(publish, range(THREADS)))

            def all_heard(told: int = told) -> bool:
                message = listening.get_message(ignore_subscribe_messages=True)
                got.extend(message["data"] if message else b"")
                return got.count(b"notice ") == told

            wait_until(all_heard, deadline=5, what=f"{told} notices arriving")
        opened = redis.connections_made() - before - 1  # less the question's own
    submit(get_channel_layer().flush()).result(5)
    assert 1 <= opened <= 2
