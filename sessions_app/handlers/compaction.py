"""Decides whether a conversation is compacted, and which summary is taken back."""

from typing import Any

from bus.exceptions import NotFound
from bus.messages import Context
from bus.registry import handles
from sessions_app import commands, events, queries
from sessions_app.handlers import runs
from sessions_app.models import Session
from sessions_app.values import Role


@handles(commands.CompactContext)
def compact_context(command: commands.CompactContext, context: Context) -> Any:
    """A run of the session's model that makes a summary instead of an answer."""
    session = Session.objects.get(id=command.session_id)
    wanted = events.RunRequested(
        run_id=runs.free(command.run_id),
        conversation_id=queries.conversation_of(command.session_id, command.conversation_id),
        provider=session.provider,
        model=session.model,
    )
    yield from runs.requested(session, wanted, command.on_busy)
    yield events.CompactionRequested(run_id=wanted.run_id)
    return {"id": wanted.run_id}


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
