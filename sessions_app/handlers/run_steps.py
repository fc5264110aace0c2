"""Decides what becomes of a run at work. Every step is reported by the worker that holds the run's lease."""

from collections.abc import Generator, Iterator
from typing import Any
from uuid import UUID

from django.db.models import Q

from bus.messages import Context, Event, changed, uuid7
from bus.registry import handles
from sessions_app import commands, events, metrics
from sessions_app.handlers.runs import check, run_in
from sessions_app.llm import status
from sessions_app.llm.base import Usage
from sessions_app.metrics import Source
from sessions_app.models import Message, Run, Session
from sessions_app.values import Content, Role, TextPart, parts

MOST_SUPERSEDED = 100
"""Messages of replaced answers that are marked at once; each is an event."""


def _run(command: Any, happening: str) -> Run:
    run = run_in(command.session_id, command.run_id)
    check(run, happening)
    return run


def _said(run: Run, content: Content, role: Role = Role.ASSISTANT, **metadata: object) -> events.MessageAdded:
    return events.MessageAdded(
        message_id=uuid7(),
        conversation_id=run.conversation_id,
        role=role,
        content=content,
        metadata=metadata,
        run_id=run.id,
    )


def _used(run: Run, usage: Usage | None, *, occupies: bool = True) -> Iterator[Event]:
    """What one request used. What a summary used occupies nothing: the next request is a smaller one."""
    if usage is None:
        return
    session = Session.objects.get(id=run.session_id)
    occupied = usage.prompt_tokens + usage.completion_tokens if occupies else session.context_tokens
    yield from metrics.used(session, usage, Source(run.provider, run.model, run.id), context=occupied)


@handles(commands.StartRun)
def start_run(command: commands.StartRun, context: Context) -> Any:
    """A worker begins, or begins again."""
    run = _run(command, "start")
    yield events.RunStarted(run_id=run.id, attempt=run.attempt + 1)
    return {"attempt": run.attempt + 1}


@handles(commands.RecordToolCalls)
def record_tool_calls(command: commands.RecordToolCalls, context: Context) -> Iterator[Event]:
    """The model's message with its calls; the run stops for those that need somebody's approval."""
    run = _run(command, "continue")
    text = [TextPart(text=command.text)] if command.text else []
    yield _said(run, [*text, *command.tool_calls])
    yield from _used(run, command.usage)
    if command.needs_approval and run.cancel_requested:
        yield events.RunIncomplete(run_id=run.id, message_id=None, reason="cancelled")
    elif command.needs_approval:
        yield events.RunRequiresAction(run_id=run.id, tool_call_ids=command.needs_approval)


@handles(commands.RecordToolResults)
def record_tool_results(command: commands.RecordToolResults, context: Context) -> Any:
    """One message for each result, and the next text begins."""
    run = _run(command, "continue")
    for result in command.results:
        yield changed(_said(run, [result], Role.TOOL), tool_call_id=result.tool_call_id)
    yield events.RunContinued(run_id=run.id, attempt=run.attempt + 1)
    return {"attempt": run.attempt + 1}


@handles(commands.RecordSummary)
def record_summary(command: commands.RecordSummary, context: Context) -> Iterator[Event]:
    """The summary is a message like others: it can be excluded again, and what it covers comes back."""
    run = _run(command, "continue")
    if command.text:
        yield _summed_up(run, command.text, command.covers)
    yield from _used(run, command.usage, occupies=False)


def _summed_up(run: Run, text: str, covers: list[UUID]) -> events.MessageAdded:
    covered = [str(ident) for ident in covers]
    return _said(run, parts(text), Role.SUMMARY, is_summary=True, summarized_messages=covered)


@handles(commands.RecordPlan)
def record_plan(command: commands.RecordPlan, context: Context) -> Iterator[Event]:
    """Said where it can be looked up: the log."""
    run = _run(command, "continue")
    yield events.ContextPlanned(
        run_id=run.id,
        strategy=command.strategy,
        method=command.method,
        tokens=command.tokens,
        budget=command.budget,
        left_out=command.left_out,
    )


@handles(commands.PostponeRun)
def postpone_run(command: commands.PostponeRun, context: Context) -> Iterator[Event]:
    """Unless somebody has asked it to stop meanwhile."""
    run = _run(command, "postpone")
    yield from _used(run, command.usage)
    if run.cancel_requested:
        yield events.RunCancelled(run_id=run.id)
    else:
        yield events.RunRetrying(run_id=run.id, delay=command.delay, code=command.code, error=command.error)


@handles(commands.EndRun)
def end_run(command: commands.EndRun, context: Context) -> Iterator[Event]:
    """What was said stays, marked where it is not whole; what was used is counted once: a run ends once. Of a cancel
    and the end of its time that meet, the cancel counts."""
    run = run_in(command.session_id, command.run_id)
    if command.code == status.TIMED_OUT and run.cancel_requested:
        command = changed(command, outcome="incomplete", reason="cancelled")
    check(run, status.HAPPENS[command.outcome])
    message_id = yield from _last_words(run, command)
    yield from _used(run, command.usage, occupies=not run.compacts)
    yield from _superseded(run, command.outcome, said=message_id is not None)
    match command.outcome:
        case "completed":
            assert message_id is not None
            yield _completed(run, command, message_id)
        case "incomplete":
            yield events.RunIncomplete(run_id=run.id, message_id=message_id, reason=command.reason)
        case "failed":
            yield events.RunFailed(run_id=run.id, error=command.error, code=command.code, message_id=message_id)
        case "cancelled":
            yield events.RunCancelled(run_id=run.id)
        case "interrupted":
            yield events.RunInterrupted(run_id=run.id, message_id=message_id)


def _last_words(run: Run, command: commands.EndRun) -> Generator[Event, None, UUID | None]:
    """What the run ends with. A whole answer may be empty, it is an answer; calls are recorded already."""
    whole = command.outcome == "completed"
    if whole and command.reason == status.CALLS:
        return Message.objects.filter(run=run.id, role=Role.ASSISTANT).latest("position").id
    if not command.text and not whole:
        return None
    said = parts(command.text)
    message = _said(run, said) if whole else _said(run, said, incomplete=True)
    if command.covers:
        message = _summed_up(run, command.text, command.covers)
    yield message
    return message.message_id


def _superseded(run: Run, outcome: str, *, said: bool) -> Iterator[Event]:
    """Once another answer is there, the messages of the answers it replaces are not shown to models any more."""
    if run.retries is None or outcome not in ("completed", "incomplete"):
        return
    if not said and not Message.objects.filter(run=run.id).exists():  # stopped before it said anything
        return
    others = Run.objects.filter(Q(id=run.retries) | Q(retries=run.retries), session=run.session_id).exclude(id=run.id)
    left = Message.objects.filter(session=run.session_id, run__in=list(others.values_list("id", flat=True)))
    for message in left.exclude(metadata__has_key="superseded_by").order_by("-position")[:MOST_SUPERSEDED]:
        metadata = {**message.metadata, "superseded_by": str(run.id)}
        yield events.MessageUpdated(message_id=message.id, metadata=metadata)


def _completed(run: Run, command: commands.EndRun, message_id: UUID) -> events.RunCompleted:
    used = command.usage or Usage()
    return events.RunCompleted(
        run_id=run.id,
        message_id=message_id,
        finish_reason=command.reason or "stop",
        prompt_tokens=(run.prompt_tokens or 0) + used.prompt_tokens,
        completion_tokens=(run.completion_tokens or 0) + used.completion_tokens,
        first_token=command.first_token,
    )
