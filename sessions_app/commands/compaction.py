"""What can be asked of a conversation's older messages: let a summary stand for them, or take one back."""

from uuid import UUID

from bus.messages import SessionCommand
from sessions_app.values import OnBusy


class CompactContext(SessionCommand):
    """Make a summary of the older half of a conversation now, which stands for it in requests; a run does it."""

    scope = "runs:write"

    run_id: UUID | None = None
    conversation_id: UUID | None = None
    on_busy: OnBusy = "enqueue"


class UndoCompaction(SessionCommand):
    """Take a summary back, the latest or that one: what it stood for counts again."""

    scope = "runs:write"

    conversation_id: UUID | None = None
    message_id: UUID | None = None
