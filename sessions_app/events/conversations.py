"""What can have happened to a conversation: a named line of messages in a session."""

from uuid import UUID

from bus.messages import Event
from sessions_app.values import Metadata


class ConversationStarted(Event):
    """A conversation began. With `parent` it is a fork: it shares that one's messages up to the version `forked_at`."""

    conversation_id: UUID
    name: str
    parent: UUID | None = None
    forked_at: int | None = None
    metadata: Metadata = {}


class ConversationUpdated(Event):
    """It has another name, or was archived or taken back."""

    conversation_id: UUID
    name: str | None = None
    is_archived: bool | None = None
