"""Tool calls of a run: as they are stored, for whom they are run, what is said instead of running them."""

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from uuid import uuid4

from bus.database import closing
from bus.messages import Actor
from sessions_app import rights
from sessions_app.llm import options, tools
from sessions_app.llm.base import ToolCall
from sessions_app.llm.storable import clean, cleaned
from sessions_app.llm.tools import ToolContext
from sessions_app.models import Graph, Run
from sessions_app.values import ToolCallPart, ToolResultPart

MOST_CALLS = 32
"""Calls of one answer; more are left out."""
LONGEST_ID, LONGEST_NAME = 200, 100
LONGEST_RAW = 2000
WAITING = 64
"""Calls one process waits for at a time. Not in the database's threads: a slow tool must not keep others waiting."""


def stored(calls: Sequence[ToolCall], taken: Collection[str]) -> list[ToolCallPart]:
    """Calls as they are stored: what the database takes, each under an id no other call of the run has (`taken`), since
    a person decides by id. Arguments that were no JSON object go along as they were written, for the tool to refuse."""
    used_ids = set(taken)
    kept = []
    for call in calls[:MOST_CALLS]:
        ident = clean(call.tool_call_id)[:LONGEST_ID]
        if not ident or ident in used_ids:
            ident = f"call-{uuid4().hex}"
        used_ids.add(ident)
        args = cleaned(call.args) if call.args is not None else {"not a JSON object": clean(call.raw)[:LONGEST_RAW]}
        kept.append(ToolCallPart(tool_call_id=ident, name=clean(call.name)[:LONGEST_NAME], args=args))
    return kept


def for_a_person(stored: Sequence[ToolCallPart], run: Run) -> list[str]:
    """The ids of those that a person must allow first. What a client's tools do is the client's to ask."""
    theirs = {tool.name for tool in options.client_tools_of(run)}
    return [call.tool_call_id for call in stored if call.name not in theirs and tools.needs_approval(call.name)]


def context_of(run: Run) -> ToolContext:
    """For whom the run's tools work: with the rights of the session's owner, with no others. In a session that others
    read or write, or could since this was asked for, in this session only: what they say is no wish of the owner's,
    who leaves in time does not make it one, and they see what comes of it."""
    owner = Actor("user", str(run.session.owner_id)) if run.session.owner_id else Actor("nobody")
    if rights.is_shared(run.session_id, since=_asked_at(run)):
        owner = rights.confined(run.session_id)
    return ToolContext(session_id=run.session_id, run_id=run.id, owner=owner, allowed=frozenset(run.tools))


def _asked_at(run: Run) -> datetime:
    """Of a graph's run, when the graph began."""
    graph = Graph.objects.filter(nodes__run=run.id).values_list("started_at", flat=True).first()
    return graph or run.queued_at


async def all_used(wanted: Sequence[ToolCallPart], run: Run) -> list[ToolResultPart]:
    """The results of calls, which run beside each other."""
    loop = asyncio.get_running_loop()
    return list(await asyncio.gather(*(loop.run_in_executor(_waiting(), closing(used), call, run) for call in wanted)))


@cache
def _waiting() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(WAITING, thread_name_prefix="tool-wait")


def used(call: ToolCallPart, run: Run) -> ToolResultPart:
    """The result of a call, or why there is none. Takes as long as the tool does: in a thread."""
    decision = run.decisions.get(call.tool_call_id) if tools.needs_approval(call.name) else None
    if decision is False:
        said = f"{call.name} was not run: the user did not allow it."
    else:
        said = tools.run(call.name, call.args, context_of(run), approved=decision is True)
    return ToolResultPart(tool_call_id=call.tool_call_id, content=said)
