"""This process's one channel in the channel layer, and the groups it has joined. Every step is bounded and may fail:
what is not heard is polled."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings

logger = logging.getLogger(__name__)

Message = dict[str, Any]


class Line:
    """Reference-free: the hub decides what to join. `wanted` and not `joined` is tried again by `repair`."""

    def __init__(self, on_message: Callable[[Message], None], on_joined: Callable[[str], None]) -> None:
        self.wanted: set[str] = set()
        self.joined: set[str] = set()
        self._on_message = on_message
        self._on_joined = on_joined
        self._channel: str | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def join(self, group: str) -> None:
        """Join a group, now if the layer answers in time, else at the next `repair`."""
        self.wanted.add(group)
        if group not in self.joined:
            await self._attempt(group)

    async def leave(self, group: str) -> None:
        """Leave a group, unless it was wanted again meanwhile."""
        self.wanted.discard(group)
        await self._attempt(group)

    async def repair(self) -> None:
        """Bring `joined` to `wanted`; stops at the first failure, the layer is probably away."""
        for group in self.wanted ^ self.joined:
            if not await self._attempt(group):
                return

    def close(self) -> None:
        """Stop receiving."""
        if self._receiving is not None:
            self._receiving.cancel()

    async def _attempt(self, group: str) -> bool:
        try:
            async with asyncio.timeout(settings.BUS_JOIN_TIMEOUT), self._lock:
                await self._settle(group)
        except Exception as error:  # whatever Redis says: the poll of the heads stands behind it
            logger.warning("group %s: %r; polling instead", group, error)
            return False
        return True

    async def _settle(self, group: str) -> None:
        layer = get_channel_layer()
        if self._channel is None:
            self._channel = await layer.new_channel()
            self._receiving = asyncio.create_task(self._receive(self._channel))
        if group in self.wanted and group not in self.joined:
            await layer.group_add(group, self._channel)
            self.joined.add(group)
            self._on_joined(group)
        elif group not in self.wanted and group in self.joined:
            await layer.group_discard(group, self._channel)
            self.joined.discard(group)

    async def _receive(self, channel: str) -> None:
        layer = get_channel_layer()
        while True:
            try:
                self._on_message(await layer.receive(channel))
            except Exception:  # one bad message, or an outage, must not deafen the process
                logger.exception("nothing understandable came from the channel layer")
                await asyncio.sleep(settings.BUS_PUBLISH_PAUSE)
