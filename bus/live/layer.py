"""The channel layer: channels_redis's pub/sub layer, which here can also send to many groups in one round trip.

Its own way waits for Redis's answer each time; while hundreds of answers stream, that is one turn of a busy
loop for each of hundreds of groups. Called by `bus.live.broadcast`; tests/stack looks at what this relies on."""

from collections.abc import Iterable
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer


class PipelinedRedisPubSubChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """With one Redis; what is sent to nobody is dropped."""

    async def send_to_groups(self, messages: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Send each group its message, in this order. Raises what redis-py does."""
        layer = self._get_layer()
        (shard,) = layer._shards
        async with shard._lock:
            shard._ensure_redis()
            pipeline = shard._redis.pipeline(transaction=False)
            for group, message in messages:
                pipeline.publish(layer._get_group_channel_name(group), self.serialize(message))
            await pipeline.execute()
