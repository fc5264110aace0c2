"""Decides whether a conversation is compacted, and which summary is taken back."""

from typing import Any

from bus.exceptions import AlreadyExists, NotFound
from bus.messages import Context, uuid7
from bus.registry import handles
from sessions_app import commands, events, queries
from sessions_app.handlers.runs import requested
from sessions_app.models import Run, Session
from sessions_app.values import Role


@handles(commands.CompactContext)
def compact_context(command: commands.CompactContext, context: Context) -> Any:
    """A run of the session's model that makes a summary instead of an answer."""
    session = Session.objects.get(id=command.session_id)
    run_id = command.run_id or uuid7()
    if command.run_id and Run.objects.filter(id=run_id).exists():
        raise AlreadyExists(f"Run already exists with ID: {run_id}")
    wanted = events.RunRequested(
        run_id=run_id,
        conversation_id=queries.conversation_of(command.session_id, command.conversation_id),
        provider=session.provider,
        model=session.model,
    )
    yield from requested(session, wanted, command.on_busy)
    yield events.CompactionRequested(run_id=run_id)
    return {"id": run_id}


@handles(commands.UndoCompaction)
def undo_compaction(command: commands.UndoCompaction, context: Context) -> Any:
    """The summary is excluded, so that it does not count; it stays to be looked at."""
    conversation = queries.conversation_of(command.session_id, command.conversation_id, to_write=True)
    summaries = queries.messages_in(conversation).filter(role=Role.SUMMARY, metadata__is_summary=True)
    counting = summaries.exclude(metadata__contains={"excluded": True})
    if command.message_id is not None:
        counting = counting.filter(id=command.message_id)
    summary = counting.order_by("-position").first()
    if summary is None:
        raise NotFound("There is no such summary to take back.")
    yield events.MessageUpdated(message_id=summary.id, metadata={**summary.metadata, "excluded": True})
    return {"id": summary.id}
