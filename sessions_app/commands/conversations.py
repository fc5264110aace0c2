"""What can be asked of conversations: named lines of messages in a session. A fork shares what was said before it and
copies nothing."""

from uuid import UUID

from bus.messages import SessionCommand
from sessions_app.accounts.scopes import with_answer
from sessions_app.values import Content, Label, Metadata, Name


class StartConversation(SessionCommand):
    """Begin a conversation, with `system` as its first message and `input` as the user's; `answer` queues a run that
    replies to it."""

    scope = "sessions:write"

    name: Label
    conversation_id: UUID | None = None
    input: str | Content | None = None
    system: str | None = None
    answer: bool = False
    metadata: Metadata = {}

    def needs(self) -> tuple[str, ...]:
        """An answer is a run."""
        return with_answer(self.scope, self.answer)


class ForkConversation(SessionCommand):
    """Begin a conversation that shares everything up to and including this message, and the results of its tool calls;
    `input` and `answer` as for `start-conversation`, but that what is shared can be answered, too."""

    scope = "sessions:write"

    message_id: UUID
    name: Label | None = None
    conversation_id: UUID | None = None
    input: str | Content | None = None
    answer: bool = False
    metadata: Metadata = {}

    def needs(self) -> tuple[str, ...]:
        """An answer is a run."""
        return with_answer(self.scope, self.answer)


class RegenerateMessage(SessionCommand):
    """Answer anew what this message of the assistant answered, in a fork that begins there."""

    scope = "runs:write"

    message_id: UUID
    provider: Name | None = None
    model: Name | None = None
    name: Label | None = None
    conversation_id: UUID | None = None


class EditMessage(SessionCommand):
    """Say something else in place of this message of the user's, in a fork that begins before it."""

    scope = "sessions:write"

    message_id: UUID
    content: str | Content
    answer: bool = True
    name: Label | None = None
    conversation_id: UUID | None = None

    def needs(self) -> tuple[str, ...]:
        """An answer is a run."""
        return with_answer(self.scope, self.answer)


class UpdateConversation(SessionCommand):
    """Rename it; archive it or take it back. An archived conversation takes no new messages and runs, what is at work
    or waits in it goes on; `main` cannot be archived."""

    scope = "sessions:write"

    conversation_id: UUID
    name: Label | None = None
    is_archived: bool | None = None
