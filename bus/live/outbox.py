"""The bounded queue between the hub, which never waits, and one reader, who may be slow."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The outbox was closed; the argument says why."""


class Outbox(Generic[T]):
    """Single reader, many writers of one event loop. Limits: `max_items` and `max_bytes`."""

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self.max_items = max_items
        self.max_bytes = max_bytes
        self.bytes = 0
        self.closed: Exception | None = None
        self._items: deque[tuple[T, int]] = deque()
        self.ended = asyncio.Event()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether another item would not fit."""
        return len(self._items) >= self.max_items or self.bytes >= self.max_bytes

    @property
    def crowded(self) -> bool:
        """Whether deltas should be left out already, so that events still fit."""
        return len(self._items) * 2 >= self.max_items or self.bytes * 2 >= self.max_bytes

    def put(self, item: T, size: int) -> bool:
        """Queue an item; False (nothing queued) when full or closed."""
        if self.closed is not None or self.full:
            return False
        self._items.append((item, size))
        self.bytes += size
        self._changed.set()
        if self.crowded:
            self._room.clear()
        return True

    def close(self, reason: Exception, *, keep: bool = False) -> None:
        """End it: the reader gets the reason, at once or (`keep`) after what is queued."""
        if self.closed is None:
            self.closed = reason
            self.ended.set()
            if not keep:
                self._items.clear()
                self.bytes = 0
            self._changed.set()
            self._room.set()

    async def room(self) -> None:
        """Wait until less than half is used; a reader that is catching up reads its pages at its own pace."""
        await self._room.wait()

    async def get(self) -> T:
        """The next item. Raises the reason once closed."""
        while not self._items:
            if self.closed is not None:
                raise self.closed
            self._changed.clear()
            await self._changed.wait()
        item, size = self._items.popleft()
        self.bytes -= size
        if not self.crowded:
            self._room.set()
        return item
