"""A plugin that switches one mechanism off, named by SABOTAGE: for `tests.promises.mutants` only."""

import json
import os
import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec
import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper
from msgspec.structs import replace

from bus.bus import bus
from bus.live import hub, reader
from bus.live.consumers import LiveConsumer
from bus.live.feed import Feed
from bus.live.subscription import Subscription
from bus.log import idempotency, store, transaction
from bus.messages import Actor, Context, Envelope, Event, uuid7
from bus.registry import Registry
from bus.work import hints, kinds, lease, runner
from bus.work.lease import Lease


def _put(owner: Any, name: str, value: Any) -> None:
    patch.object(owner, name, value).start()  # for the life of the process


def no_claim() -> None:
    """Idempotency keys are not looked at."""
    _put(idempotency, "claim", lambda command, context: None)
    _put(idempotency, "keep", lambda data, version, context: None)
    _put(idempotency, "KEEP_BESIDE", "SELECT 1 FROM head")


def no_fence() -> None:
    """A worker neither holds its lease while it writes, nor writes under the work's id."""
    command = kinds.named("command")

    def unfenced(held: Lease) -> None:
        wanted = bus.registry.command(held.name, held.payload["command"])
        bus.execute(wanted, Context(actor=Actor.parse(held.actor), command_id=uuid7()))
        lease.finish(held, "done")

    _put(kinds, "named", lambda name: replace(command, run=unfenced))


def no_expected() -> None:
    """`expected_version` is not compared."""
    init = transaction.Transaction.__init__

    def forgetful(self: Any, registry: Any, context: Any) -> None:
        init(self, registry, replace(context, expected_version=None))

    _put(transaction.Transaction, "__init__", forgetful)


class Never(Exception):
    """Nothing raises it."""


def no_outage() -> None:
    """An outage of PostgreSQL is an error like any other."""
    from sessions_app.api import problems

    _put(problems, "OperationalError", Never)


def no_patience() -> None:
    """The end of an answer does not wait for PostgreSQL to come back."""
    from sessions_app.llm import engine

    _put(engine, "OperationalError", Never)


def no_lock() -> None:
    """The version is read and then written, without the row's lock in between."""
    raised = re.compile(r"UPDATE bus_stream SET version.*?AS base", re.DOTALL)
    read = """SELECT version AS base FROM bus_stream WHERE id = %(stream)s::uuid
        AND (%(expected)s::bigint IS NULL OR version = %(expected)s::bigint)
    ), raised AS (
        UPDATE bus_stream SET version = head.base + %(n)s::int FROM head WHERE id = %(stream)s::uuid"""
    assert raised.search(store._APPEND)
    _put(store, "_APPEND", raised.sub(lambda _: read, store._APPEND))


def no_backlog() -> None:
    """A reader that comes back is given only what is new."""
    attach = hub.Hub.attach

    async def forgetful(self: hub.Hub, subscription: Subscription, after: int | None) -> int:
        return await attach(self, subscription, None if after else after)

    _put(hub.Hub, "attach", forgetful)


def no_frames() -> None:
    """What arrives from the channel layer is not looked at; only the poll finds events."""
    _put(hub.Hub, "_on_message", lambda self, message: None)


def no_drain() -> None:
    """Nobody is told that the server is going away."""
    _put(hub.Hub, "drain", lambda self: None)


def host_clock() -> None:
    """Leases are compared with the host's clock."""

    class Cursor(CursorWrapper):
        def execute(self, sql: Any, params: Any = None) -> Any:
            by_the_host = re.sub(r"(?<=lease_until [<=] )now\(\)", f"to_timestamp({time.time()})", sql)
            return super().execute(by_the_host, params)

    own = SimpleNamespace(cursor=lambda: Cursor(connection.cursor(), connection))
    _put(lease, "connection", own)


def no_reset() -> None:
    """Nobody looks whether the log goes on from where a reader left off."""

    async def unchecked(self: hub.Hub, feed: Feed, after: int) -> None:
        """Whatever the reader says."""

    _put(hub.Hub, "_check", unchecked)
    _put(Feed, "restart", lambda self, head, reason: None)


def no_pool() -> None:
    """Every read of the log opens a connection, however many there are."""

    async def fetch(sql: str, parameters: Any) -> Any:
        given: Any = (await reader.pool()).kwargs
        async with await psycopg.AsyncConnection.connect(**given) as connection:
            return await (await connection.execute(sql.encode(), parameters)).fetchall()

    _put(reader, "fetch", fetch)


def kept_handles() -> None:
    """Every socket that was served leaves an open file behind."""
    serve = LiveConsumer._serve

    async def hoarding(self: LiveConsumer, *transport: Any) -> None:
        os.open(os.devnull, os.O_RDONLY)
        await serve(self, *transport)

    _put(LiveConsumer, "_serve", hoarding)


def no_quota_lock() -> None:
    """Budgets are read without holding them."""
    from sessions_app.llm import budgets

    _put(budgets, "_LOCK", budgets._LOCK.replace("FOR UPDATE OF u", ""))


def no_addresses() -> None:
    """Every address may be connected to."""
    from sessions_app.llm import addresses

    _put(addresses, "check_origin", lambda place: None)
    _put(addresses, "check_address", lambda address, host: None)


def no_resolver() -> None:
    """Names are resolved without a look at their addresses."""
    import aiohttp

    from sessions_app.llm import egress

    _put(egress, "Resolver", aiohttp.ThreadedResolver)


def no_redaction() -> None:
    """A provider's words are handed on as they are."""
    from sessions_app.llm.providers import failures

    _put(failures, "redacted", lambda text, secret: text)


def no_encryption() -> None:
    """Keys are saved as they are."""
    from sessions_app.llm import keys

    class Open:
        encrypt = decrypt = staticmethod(lambda data: data)

    _put(keys, "_box", Open)


def no_seal() -> None:
    """A key is used for whatever place its row names."""
    from sessions_app.llm import keys
    from sessions_app.llm.base import Credentials

    def opened(row: Any) -> Credentials:
        sealed = json.loads(keys._box().decrypt(row.secret.encode()))
        return Credentials(api_key=sealed["api_key"], base_url=row.base_url)

    _put(keys, "opened", opened)


def no_origin() -> None:
    """A client connects to whatever it is asked to."""
    from sessions_app.llm import egress

    init = egress.Transport.__init__
    _put(egress.Transport, "__init__", lambda self, only, headers, key: init(self, None, headers, key))


def no_allow_list() -> None:
    """A model may call every tool there is."""
    from sessions_app.llm import tools

    run = tools.ToolRegistry.run

    def lavish(self: Any, name: str, args: Any, context: Any, *, approved: bool = False) -> str:
        return run(self, name, args, replace(context, allowed=frozenset(self.tools)), approved=approved)

    _put(tools.ToolRegistry, "run", lavish)
    _put(tools, "run", tools.default.run)


def every_command() -> None:
    """A worker takes up commands that it does not know."""
    _put(lease, "_CLAIM", lease._CLAIM.replace("kind <> 'command'", "true"))
    _put(lease, "_DUE", lease._DUE.replace("kind <> 'command'", "true"))


def every_kind() -> None:
    """A worker takes up whatever kind of work there is."""
    known = runner.takes
    _put(runner, "takes", lambda: known()._replace(kinds=[*known().kinds, "newer"]))


def no_growth() -> None:
    """An event must have the fields that are known here, and no others."""

    def strictly(self: Registry, envelope: Envelope) -> Event:
        return msgspec.convert({**envelope.fields(), "session_id": envelope.session_id}, self.events[envelope.type])

    _put(Registry, "open", strictly)


def talkative_hints() -> None:
    """A hint says what the work is about."""
    send = hints.Hinter.send
    _put(hints.Hinter, "send", lambda self, task, *arguments: send(self, task, *arguments, "about a secret"))


KINDS: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        no_claim,
        no_fence,
        no_expected,
        no_outage,
        no_patience,
        no_lock,
        no_backlog,
        no_frames,
        no_drain,
        host_clock,
        no_reset,
        *(every_command, every_kind, no_growth, talkative_hints),
        no_pool,
        kept_handles,
        *(no_allow_list, no_quota_lock, no_addresses, no_resolver, no_redaction, no_encryption, no_seal, no_origin),
    )
}

KINDS[os.environ["SABOTAGE"]]()
