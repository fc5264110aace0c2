"""One background event loop per process, for everything asynchronous that sync code starts: publishing, async
listeners, provider streams. A loop per call would open a connection per call."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_owner = 0


def process_loop() -> asyncio.AbstractEventLoop:
    """The loop, running in a daemon thread; started on first use, and anew in a forked child."""
    global _loop, _owner
    if _loop is not None and _owner == os.getpid():
        return _loop
    with _lock:
        if _loop is None or _owner != os.getpid():
            loop = uvloop.new_event_loop()
            threading.Thread(target=loop.run_forever, name="process-loop", daemon=True).start()
            _loop, _owner = loop, os.getpid()
    return _loop


def submit(coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
    """Run a coroutine on the process loop, from any thread."""
    return asyncio.run_coroutine_threadsafe(coroutine, process_loop())
