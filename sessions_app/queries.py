"""What may be read by whom. Deny unless owned or shared: every read of a user's objects goes through `sessions_of`."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value

from bus.exceptions import Forbidden, NotFound, Refused
from bus.messages import Actor
from bus.models import Stream
from sessions_app import rights
from sessions_app.llm.status import OPEN
from sessions_app.models import Artifact, Conversation, Graph, GraphNode, Message, Removed, Run, Session, UsageEntry


class ConversationArchived(Refused):
    """This conversation is archived."""

    code = "conversation-archived"
    status = 409


def sessions_of(actor: Actor) -> QuerySet[Session]:
    """The sessions the actor may read, one's own and what others share: to look one up, or what belongs to one. Lists
    are of `own_of` or of `rights.shared_with`."""
    return rights.readable(actor)


def own_of(actor: Actor) -> QuerySet[Session]:
    """The sessions that are the actor's: what lists, totals and searches are about."""
    return rights.own(actor).annotate(role=Value("owner"))


def check_allowed(actor: Actor, session_id: UUID, needs: str = "change") -> None:
    """Raises NotFound for a session the actor may not even read, Forbidden where reading is all that is allowed."""
    if needs == "change" and rights.may_change(actor, session_id):
        return
    if not sessions_of(actor).filter(id=session_id).exists():
        if needs == "erase" and removed_of(actor).filter(id=session_id, erased_at__isnull=True).exists():
            return
        raise no_session(session_id)
    if needs == "change":
        raise Forbidden(rights.MAY_READ)
    if needs != "read":
        rights.check_owner(actor, session_id)


def removed_of(actor: Actor) -> QuerySet[Removed]:
    """What was the actor's and is deleted or erased."""
    if actor.type in rights.ALL_SEEING:
        return Removed.objects.all()
    return Removed.objects.filter(owner=rights.user_of(actor) or 0)


def with_version(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Each session with its log's `version`, and whether answers in it are `running`: to come, or waiting for a
    decision."""
    heads = Stream.objects.filter(id=OuterRef("id")).values("version")
    at_work = Run.objects.filter(session=OuterRef("id"), state__in=sorted(OPEN))  # as its index says it
    return sessions.annotate(version=Subquery(heads), running=Exists(at_work))


def session_of(actor: Actor, session_id: UUID) -> Session:
    """One session with its `version` and the actor's `role`. Raises NotFound, also for what is somebody else's."""
    session = rights.with_role(with_version(sessions_of(actor).filter(id=session_id)), actor).first()
    if session is None:
        raise no_session(session_id)
    return session


def no_session(session_id: UUID) -> NotFound:
    """The same answer whether it never was or is not yours."""
    return NotFound(f"Session not found with ID: {session_id}")


def message_of(session_id: UUID, message_id: UUID) -> Message:
    """One message of a session already checked. Raises NotFound."""
    message = Message.objects.filter(id=message_id, session_id=session_id).first()
    if message is None:
        raise NotFound(f"Message not found with ID: {message_id}")
    return message


def _with_head(rows: QuerySet[Any], session: str = "session_id") -> QuerySet[Any]:
    """Each row with the version of its session's log, as `head`: it changes with nothing else."""
    heads = Stream.objects.filter(id=OuterRef(session)).values("version")
    found: QuerySet[Any] = rows.annotate(head=Subquery(heads))
    return found


def run_of(actor: Actor, run_id: UUID) -> Run:
    """One run of a session the actor may see. Raises NotFound."""
    run: Run | None = _with_head(Run.objects.filter(id=run_id, session__in=sessions_of(actor))).first()
    if run is None:
        raise NotFound(f"Run not found with ID: {run_id}")
    return run


def artifact_of(actor: Actor, artifact_id: UUID) -> Artifact:
    """One artifact of a session the actor may see. Raises NotFound."""
    return _artifact(Artifact.objects.filter(session__in=sessions_of(actor)), artifact_id)


def artifact_in(session_id: UUID, artifact_id: UUID) -> Artifact:
    """One artifact of a session already checked. Raises NotFound."""
    return _artifact(Artifact.objects.filter(session_id=session_id), artifact_id)


def _artifact(rows: QuerySet[Artifact], artifact_id: UUID) -> Artifact:
    artifact: Artifact | None = _with_head(rows.filter(id=artifact_id, deleted_at__isnull=True)).first()
    if artifact is None:
        raise NotFound(f"Artifact not found with ID: {artifact_id}")
    return artifact


def artifacts_in(session_id: UUID, name: str | None = None) -> QuerySet[Artifact]:
    """The artifacts of a session already checked, newest first; of a name its versions."""
    rows = Artifact.objects.filter(session_id=session_id, deleted_at__isnull=True).order_by("-position")
    return rows if name is None else rows.filter(name=unicodedata.normalize("NFC", name))  # as names are kept


def active_in(conversation_id: UUID) -> Run | None:
    """The run that is at work, or next to be, in a conversation."""
    return Run.objects.filter(conversation_id=conversation_id, waits=False, state__in=OPEN).first()


def graphs_of(actor: Actor) -> QuerySet[Graph]:
    """The graphs of the sessions the actor may see."""
    return Graph.objects.filter(session__in=sessions_of(actor))


def graph_of(actor: Actor, graph_id: UUID) -> Graph:
    """One of them. Raises NotFound."""
    graph: Graph | None = _with_head(graphs_of(actor).filter(id=graph_id)).first()
    if graph is None:
        raise NotFound(f"Graph not found with ID: {graph_id}")
    return graph


def node_of(actor: Actor, node_id: UUID) -> GraphNode:
    """One node of a graph of a session the actor may see. Raises NotFound."""
    rows = GraphNode.objects.filter(id=node_id, graph__session__in=sessions_of(actor))
    node: GraphNode | None = _with_head(rows, "graph__session_id").first()
    if node is None:
        raise NotFound(f"Node not found with ID: {node_id}")
    return node


def conversation_of(session_id: UUID, conversation_id: UUID | None, *, to_write: bool = False) -> UUID:
    """The conversation's id, `main` by default. Raises NotFound when it is not of this session, and `to_write` also
    ConversationArchived."""
    if conversation_id is None or conversation_id == session_id:
        return session_id
    if conversation_in(session_id, conversation_id).is_archived and to_write:
        raise ConversationArchived
    return conversation_id


def check_open(conversation_id: UUID) -> None:
    """Raises ConversationArchived. One that is only about to begin is open."""
    if Conversation.objects.filter(id=conversation_id, is_archived=True).exists():
        raise ConversationArchived


def conversation_in(session_id: UUID, conversation_id: UUID) -> Conversation:
    """A conversation of a session already checked. Raises NotFound."""
    conversation = Conversation.objects.filter(id=conversation_id, session_id=session_id).first()
    if conversation is None:
        raise NotFound(f"Conversation not found with ID: {conversation_id}")
    return conversation


def messages_in(conversation_id: UUID) -> QuerySet[Message]:
    """The line of a conversation: its own messages, and those it shares up to where it forked, in no order. One query
    for where it comes from, and none for one that is not there (yet)."""
    conversation = Conversation.objects.filter(id=conversation_id).first()
    return Message.objects.none() if conversation is None else line_of(conversation)


def line_of(conversation: Conversation) -> QuerySet[Message]:
    """The same of a row that was read already."""
    if not conversation.lineage:
        return Message.objects.filter(conversation_id=conversation.id)
    line = Q(conversation_id=conversation.id)
    for ancestor, upto in conversation.lineage:
        line |= Q(conversation_id=ancestor, position__lte=upto)
    # the session, so that its index can give the order
    return Message.objects.filter(line, session_id=conversation.session_id)


LINE = """
(SELECT id AS member, 9223372036854775807 AS upto FROM sessions_app_conversation WHERE id = %(conversation)s::uuid
 UNION ALL
 SELECT (link->>0)::uuid, (link->>1)::bigint
 FROM sessions_app_conversation, jsonb_array_elements(lineage) AS link WHERE id = %(conversation)s::uuid) AS line
"""
"""The same in SQL, to be joined with messages: each member of the line, and the position up to which it belongs."""


def lineage_of(parent: UUID | None, forked_at: int | None) -> list[list[Any]]:
    """What a fork there shares, nearest first, so that no reader has to climb. Nothing for what is no fork."""
    if parent is None or forked_at is None:
        return []
    above = Conversation.objects.filter(id=parent).values_list("lineage", flat=True).first() or []
    return [[str(parent), forked_at], *([ancestor, min(upto, forked_at)] for ancestor, upto in above)]


def counted(line: Iterable[Message]) -> list[Message]:
    """The messages without the answers that others among them replace. (In a fork that began before the other answer
    came, the first one still counts.)"""
    line = list(line)
    here = {str(message.run) for message in line if message.run}
    return [message for message in line if str(message.metadata.get("superseded_by")) not in here]


def usage_to_price(
    *, priced_too: bool, since: datetime | None, provider: str | None, model: str | None
) -> QuerySet[UsageEntry]:
    """The ledger's entries whose cost is unknown, or with `priced_too` all, as far as they were asked for."""
    entries = UsageEntry.objects.all() if priced_too else UsageEntry.objects.filter(cost__isnull=True)
    asked = {"at__gte": since, "provider": provider, "model": model}
    return entries.filter(**{name: value for name, value in asked.items() if value is not None})


class Page(NamedTuple):
    """A keyset page: rows, and the cursor of the next one (None on the last)."""

    rows: list[Any]
    next_cursor: str | None
