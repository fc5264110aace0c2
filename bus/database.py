"""Django's database from async code, without its one shared thread: a bounded pool of threads, each call closing its
connection (back to the pool) when it is done."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.BUS_DATABASE_THREADS, thread_name_prefix="database")


def closing(function: Callable[P, T]) -> Callable[P, T]:
    """The function, giving the thread's connections back afterwards."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return call


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call sync database code from async code. At most BUS_DATABASE_THREADS run at a time; more wait."""
    call = closing(function)
    context = contextvars.copy_context()  # the current span goes along
    return await asyncio.get_running_loop().run_in_executor(_threads(), lambda: context.run(call, *args, **kwargs))
