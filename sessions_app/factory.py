"""Makes the values of document 003: messages of every role from a string or from parts; and the event of a new one."""

from uuid import UUID

from bus.messages import uuid7
from sessions_app.events import MessageAdded
from sessions_app.values import ChatMessage, Content, Role, ToolResultPart, parts


def _message(role: Role, content: str | Content) -> ChatMessage:
    return ChatMessage(id=uuid7(), role=role, content=parts(content))


def create_system_message(content: str) -> ChatMessage:
    """An instruction to the model."""
    return _message(Role.SYSTEM, content)


def create_user_message(content: str | Content) -> ChatMessage:
    """What a person said."""
    return _message(Role.USER, content)


def create_assistant_message(content: str | Content) -> ChatMessage:
    """What the model said."""
    return _message(Role.ASSISTANT, content)


def create_tool_message(tool_call_id: str, content: str) -> ChatMessage:
    """What a tool answered, as a `tool_result` part (contract, correction 4)."""
    part = ToolResultPart(tool_call_id=tool_call_id, content=content)
    return ChatMessage(id=uuid7(), role=Role.TOOL, content=[part], tool_call_id=tool_call_id)


def create_summary_message(content: str, summarized_messages: list[str] | None = None) -> ChatMessage:
    """A summary standing for the messages it names."""
    metadata = {"is_summary": True, "summarized_messages": summarized_messages or []}
    return ChatMessage(id=uuid7(), role=Role.SUMMARY, content=parts(content), metadata=metadata)


def message_added(conversation_id: UUID, role: Role, content: Content) -> MessageAdded:
    """A new message in a conversation."""
    return MessageAdded(message_id=uuid7(), conversation_id=conversation_id, role=role, content=content)
