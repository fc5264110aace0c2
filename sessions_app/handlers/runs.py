"""Decides what becomes of a run. Every step is asked for by the worker that holds the run's lease."""

from collections.abc import Iterator
from uuid import UUID

from bus.exceptions import Refused
from bus.messages import Context, Event, uuid7
from bus.registry import handles
from sessions_app import commands, events, metrics
from sessions_app.models import Run, Session
from sessions_app.values import Role, parts

OPEN = (Run.State.QUEUED, Run.State.RUNNING)


class RunEnded(Refused):
    """The run has already ended."""

    code = "run-ended"
    status = 409


def _open_run(session_id: UUID, run_id: UUID) -> Run:
    run = Run.objects.filter(id=run_id, session_id=session_id).first()
    if run is None or run.state not in OPEN:
        raise RunEnded
    return run


def _answer(run: Run, text: str, **metadata: object) -> events.MessageAdded:
    return events.MessageAdded(
        message_id=uuid7(),
        conversation_id=run.conversation_id,
        role=Role.ASSISTANT,
        content=parts(text),
        metadata=dict(metadata),
        run_id=run.id,
    )


@handles(commands.StartRun)
def start_run(command: commands.StartRun, context: Context) -> Iterator[Event]:
    """A worker begins, or begins again."""
    _open_run(command.session_id, command.run_id)
    yield events.RunStarted(run_id=command.run_id, attempt=command.attempt)


@handles(commands.CompleteRun)
def complete_run(command: commands.CompleteRun, context: Context) -> Iterator[Event]:
    """The answer, what it used (counted once: a run ends once), and the end."""
    run = _open_run(command.session_id, command.run_id)
    message = _answer(run, command.text)
    yield message
    session = Session.objects.get(id=command.session_id)
    occupied = command.prompt_tokens + command.completion_tokens
    yield from metrics.counted(
        session, command.prompt_tokens, command.completion_tokens, context=occupied, run_id=run.id
    )
    yield events.RunCompleted(
        run_id=run.id,
        message_id=message.message_id,
        finish_reason=command.finish_reason,
        prompt_tokens=command.prompt_tokens,
        completion_tokens=command.completion_tokens,
    )


@handles(commands.FailRun)
def fail_run(command: commands.FailRun, context: Context) -> Iterator[Event]:
    """No answer."""
    _open_run(command.session_id, command.run_id)
    yield events.RunFailed(run_id=command.run_id, error=command.error)


@handles(commands.InterruptRun)
def interrupt_run(command: commands.InterruptRun, context: Context) -> Iterator[Event]:
    """The part of the answer that was seen stays, marked as incomplete."""
    run = _open_run(command.session_id, command.run_id)
    message = _answer(run, command.text, incomplete=True) if command.text else None
    if message is not None:
        yield message
    yield events.RunInterrupted(run_id=run.id, message_id=message.message_id if message else None)
