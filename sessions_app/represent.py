"""Rows as the JSON values that REST, sockets and commands show. Never all messages of a session."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from sessions_app.labels import labels_of
from sessions_app.llm.catalog import Known
from sessions_app.models import Artifact, Conversation, Export, Message, Run, Session


def moment(when: datetime | None) -> str | None:
    """RFC 3339 in UTC, with a Z."""
    return None if when is None else when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def session_info(session: Session) -> dict[str, Any]:
    """A session in a list (document 003's SessionInfo, with its title and version). `role` is the reader's,
    `owner` the name of whose it is where that is somebody else; `pinned`, `folder`, `tags` are of its metadata."""
    return {
        "id": str(session.id),
        "title": session.title,
        "provider": session.provider,
        "model": session.model,
        "created_at": moment(session.created_at),
        "updated_at": moment(session.updated_at),
        "message_count": session.message_count,
        "is_active": session.is_active,
        "version": getattr(session, "version", None),
        "role": getattr(session, "role", None),
        "owner": getattr(session, "owner_name", None),
        "running": getattr(session, "running", False),
        **labels_of(session.metadata)._asdict(),
    }


def session_as_dict(session: Session) -> dict[str, Any]:
    """A session without its messages."""
    return session_info(session) | {
        "config": session.config,
        "metrics": msgspec.to_builtins(session.metrics),
        "metadata": session.metadata,
        "retention_days": session.retention_days,
    }


def conversation_as_dict(conversation: Conversation) -> dict[str, Any]:
    """A conversation without its messages. `forked_at` is the position up to which it shares those of `parent_id`."""
    return {
        "id": str(conversation.id),
        "session_id": str(conversation.session_id),
        "name": conversation.name,
        "parent_id": str(conversation.parent) if conversation.parent else None,
        "forked_at": conversation.forked_at,
        "is_main": conversation.id == conversation.session_id,
        "is_archived": conversation.is_archived,
        "metadata": conversation.metadata,
        "created_at": moment(conversation.created_at),
    }


def message_as_dict(message: Message) -> dict[str, Any]:
    """A message."""
    return {
        "id": str(message.id),
        "session_id": str(message.session_id),
        "conversation_id": str(message.conversation_id),
        "position": message.position,
        "role": message.role,
        "content": message.content,
        "tool_call_id": message.tool_call_id,
        "tool_calls": message.tool_calls,
        "metadata": message.metadata,
        "run_id": str(message.run) if message.run else None,
        "created_at": moment(message.created_at),
        "updated_at": moment(message.updated_at),
    }


def run_as_dict(run: Run) -> dict[str, Any]:
    """A run; the events after `requested_version` tell its story. `first_token_seconds` is from the request to the
    first piece of the answer; `cost` is in USD, null where a price is unknown."""
    return {
        "id": str(run.id),
        "session_id": str(run.session_id),
        "conversation_id": str(run.conversation_id),
        "state": run.state,
        "requested_version": run.requested_version,
        "waits": run.waits,
        "provider": run.provider,
        "model": run.model,
        "tools": run.tools,
        "client_tools": run.client_tools,
        "input": run.input,
        "on_interrupt": run.on_interrupt,
        "retries": str(run.retries) if run.retries else None,
        "continues": str(run.continues) if run.continues else None,
        "config": run.config,
        "timeout": run.timeout,
        "budget": run.budget,
        "attempt": run.attempt,
        "decisions": run.decisions,
        "cancel_requested": run.cancel_requested,
        "compacts": run.compacts,
        "message_id": str(run.message) if run.message else None,
        "prompt_tokens": run.prompt_tokens,
        "completion_tokens": run.completion_tokens,
        "cost": None if run.cost is None else f"{run.cost.normalize():f}",
        "finish_reason": run.finish_reason,
        "error": run.error,
        "error_code": run.error_code,
        "failures": run.failures,
        "metadata": run.metadata,
        "first_token_seconds": run.first_token,
        "queued_at": moment(run.queued_at),
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at),
    }


def artifact_as_dict(artifact: Artifact) -> dict[str, Any]:
    """An artifact, without its bytes; `size` counts them."""
    return {
        "id": str(artifact.id),
        "session_id": str(artifact.session_id),
        "name": artifact.name,
        "version": artifact.version,
        "content_type": artifact.content_type,
        "size": artifact.size,
        "sha256": artifact.sha256,
        "metadata": artifact.metadata,
        "created_at": moment(artifact.created_at),
    }


def export_as_dict(export: Export) -> dict[str, Any]:
    """An archive of all of a user's sessions: `done` of `total` sessions are in it; `bytes` once it is ready."""
    return {
        "id": str(export.id),
        "state": export.state,
        "done": export.done,
        "total": export.total,
        "bytes": export.bytes,
        "error": export.error,
        "created_at": moment(export.created_at),
        "finished_at": moment(export.finished_at),
        "expires_at": moment(export.expires_at),
    }


def known_as_dict(known: Known) -> dict[str, Any]:
    """A model of the catalogue; prices in USD per million tokens. null is unknown."""
    prices = known.prices
    names = ("input", "cache_read", "cache_write", "output", "reasoning")
    rates = {name: getattr(prices, name) for name in names} if prices else {}
    return {
        "provider": known.provider,
        "model": known.model,
        "max_context_window": known.max_context_window,
        "max_output": known.max_output,
        "images": known.images,
        "tools": known.tools,
        "streaming": known.streaming,
        "prices": {name: str(rate.base) if rate else None for name, rate in rates.items()} if prices else None,
        "prices_source": prices.source if prices else None,
    }
