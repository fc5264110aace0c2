"""Decides what may be asked of runs, by people and programs. What the workers report is in `run_steps`."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from bus.exceptions import AlreadyExists, Invalid, NotFound, Refused
from bus.messages import Context, Event, changed, uuid7
from bus.registry import handles
from sessions_app import commands, events, queries
from sessions_app.artifacts import mentions
from sessions_app.factory import message_added
from sessions_app.llm import admission, options, status
from sessions_app.models import Message, Run, Session
from sessions_app.values import ClientTool, Content, Role, parts

MOST_WAITING = 20
"""Runs that may wait in one conversation."""


class RunEnded(Refused):
    """The run has already ended."""

    code = "run-ended"
    status = 409


class RunNotReady(Refused):
    """That cannot be done with the run in its present state."""

    code = "run-not-ready"
    status = 409


class SessionBusy(Refused):
    """Another run of this conversation is at work."""

    code = "session-busy"
    status = 409


def run_in(session_id: UUID, run_id: UUID) -> Run:
    """A run of the session. Raises NotFound."""
    run = Run.objects.filter(id=run_id, session_id=session_id).first()
    if run is None:
        raise NotFound(f"Run not found with ID: {run_id}")
    return run


def check(run: Run, happening: str) -> None:
    """Raises RunEnded or RunNotReady where that cannot happen to the run."""
    if run.state in status.ENDED:
        raise RunEnded
    if status.after(run.state, happening) is None:
        raise RunNotReady(f"The run is {run.state}: one cannot {happening} it.")


def requested(
    session: Session,
    wanted: events.RunRequested,
    on_busy: str,
    asks: Content | None = None,
    line: QuerySet[Message] | None = None,
) -> Iterator[Event]:
    """The run, admitted; what becomes of the one before; the input as a message if the run's turn is now. `asks`: a
    message that was added just now, where that is what the run answers; `line`: what a conversation that begins with
    the run shares."""
    queries.check_open(wanted.conversation_id)
    content = asks or wanted.input or []
    mentions.check(session.id, content)
    admission.admit(session, wanted, content, line)
    wanted = changed(wanted, tokens=admission.tokens_of(content))
    busy = queries.active_in(wanted.conversation_id)
    if busy is None:
        if wanted.input is not None:
            yield message_added(wanted.conversation_id, Role.USER, wanted.input)
        yield changed(wanted, input=None)
        return
    if on_busy == "reject":
        raise SessionBusy(run_id=str(busy.id))
    waiting = Run.objects.filter(conversation_id=wanted.conversation_id, waits=True)
    if on_busy == "interrupt":
        yield from stopped(busy)
        for pushy in waiting.filter(first=True):  # the newest interruption is meant
            yield events.RunCancelled(run_id=pushy.id)
    elif waiting.count() >= MOST_WAITING:
        raise SessionBusy(f"{MOST_WAITING} runs wait in this conversation already.", run_id=str(busy.id))
    yield changed(wanted, waits=True, first=on_busy == "interrupt")


def stopped(run: Run) -> Iterator[Event]:
    """A run nobody works on is cancelled; one at work is asked to stop, once."""
    if run.state != Run.State.RUNNING:
        yield events.RunCancelled(run_id=run.id)
    elif not run.cancel_requested:
        yield events.RunCancelRequested(run_id=run.id)


def free(given: UUID | None) -> UUID:
    """The id of a run that is to be: the one that was given, or a new one. Raises AlreadyExists."""
    if given is not None and Run.objects.filter(id=given).exists():
        raise AlreadyExists(f"Run already exists with ID: {given}")
    return given or uuid7()


@handles(commands.RequestRun)
def request_run(command: commands.RequestRun, context: Context) -> Any:
    """A run of the session's model, or of another."""
    session = Session.objects.get(id=command.session_id)
    wanted = events.RunRequested(
        run_id=free(command.run_id),
        conversation_id=queries.conversation_of(command.session_id, command.conversation_id),
        provider=command.provider or session.provider,
        model=command.model or session.model,
        tools=tools_of(session, command.tools, command.client_tools),
        client_tools=command.client_tools,
        input=None if command.input is None else parts(command.input),
        on_interrupt=command.on_interrupt,
        config=command.config,
        timeout=command.timeout,
        budget=command.budget,
        metadata=command.metadata,
    )
    yield from requested(session, wanted, command.on_busy)
    return {"id": wanted.run_id}


def tools_of(session: Session, chosen: list[str] | None, theirs: list[ClientTool]) -> list[str]:
    """The server's tools for a run: the session's, or those chosen for it, but for names that whoever asks has a tool
    of his own for. Raises Invalid where he has two."""
    names = {tool.name for tool in theirs}
    if len(names) < len(theirs):
        raise Invalid("Two of the client's tools have the same name.")
    told = (session.config.get("tools") or []) if chosen is None else chosen
    return [name for name in told if name not in names]


@handles(commands.ChangeQueuedRun)
def change_queued_run(command: commands.ChangeQueuedRun, context: Context) -> Iterator[Event]:
    """Only while it waits, and only of a run that brings its own input."""
    run = run_in(command.session_id, command.run_id)
    if run.state in status.ENDED:
        raise RunEnded
    if not run.waits or run.input is None:
        raise RunNotReady("Only what a waiting run is to answer can be changed.")
    content = parts(command.input)
    mentions.check(command.session_id, content)
    admission.admit(Session.objects.get(id=command.session_id), run, content)
    yield events.RunInputChanged(run_id=run.id, input=content, tokens=admission.tokens_of(content))


@handles(commands.CancelRun)
def cancel_run(command: commands.CancelRun, context: Context) -> Iterator[Event]:
    """Once: a run that was asked to stop is not asked again."""
    run = run_in(command.session_id, command.run_id)
    check(run, "cancel")
    yield from stopped(run)


@handles(commands.RetryRun)
def retry_run(command: commands.RetryRun, context: Context) -> Any:
    """The same question, asked anew; once it is answered, the messages of the answers before are superseded."""
    old = run_in(command.session_id, command.run_id)
    if old.state not in status.ENDED:
        raise RunNotReady("The run has not ended yet.")
    if old.input is not None:
        raise RunNotReady("The run was cancelled before its turn came; request a new one.")
    if old.compacts:
        raise RunNotReady("The run made a summary: compact the context anew.")
    run_id = uuid7()
    same = again(old, run_id)
    provider = command.provider or old.provider
    wanted = changed(
        same,
        provider=provider,
        config=same.config if provider == old.provider else changed(same.config, provider_options=None),
        model=command.model or old.model,
        retries=old.retries or old.id,
        continues=old.continues,
        upto=old.requested_version,
        asked=old.asked_version,
    )
    session = Session.objects.get(id=command.session_id)
    yield from requested(session, wanted, "reject")
    return {"id": run_id}


@handles(commands.ContinueRun)
def continue_run(command: commands.ContinueRun, context: Context) -> Any:
    """The rest of an answer that stopped before its end."""
    old = run_in(command.session_id, command.run_id)
    if old.state not in (Run.State.INCOMPLETE, Run.State.INTERRUPTED) or old.message is None:
        raise RunNotReady("Only an answer that was cut off can be continued.")
    run_id = uuid7()
    session = Session.objects.get(id=command.session_id)
    yield from requested(session, changed(again(old, run_id), continues=old.id), "reject")
    return {"id": run_id}


def again(old: Run, run_id: UUID) -> events.RunRequested:
    """The same asked once more."""
    return events.RunRequested(
        run_id=run_id,
        conversation_id=old.conversation_id,
        provider=old.provider,
        model=old.model,
        tools=old.tools,
        client_tools=options.client_tools_of(old),
        on_interrupt="retry" if old.on_interrupt == "retry" else "keep",
        config=options.config_of(old),
        timeout=old.timeout,
        budget=options.budget_of(old),
        metadata=old.metadata,
    )


@handles(commands.DecideToolCall)
def decide_tool_call(command: commands.DecideToolCall, context: Context) -> Iterator[Event]:
    """Each call is decided once."""
    run = run_in(command.session_id, command.run_id)
    check(run, "decide")
    if command.tool_call_id not in run.decisions:
        raise NotFound(f"The run asks for no tool call {command.tool_call_id!r:.80}.")
    if run.decisions[command.tool_call_id] is not None:
        raise RunNotReady("That tool call is decided already.")
    yield events.RunToolCallDecided(run_id=run.id, tool_call_id=command.tool_call_id, approved=command.approve)
    if sum(decision is None for decision in run.decisions.values()) == 1:
        yield events.RunResumed(run_id=run.id)
