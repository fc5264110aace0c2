"""Where a fork may begin, and what it then shares. Reads rows; called by the handlers of conversations and chats."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Func, JSONField, Q, QuerySet, Value

from bus.exceptions import Invalid, Refused
from sessions_app.llm import status
from sessions_app.llm.context.items import item_of
from sessions_app.llm.context.pairs import paired
from sessions_app.models import Conversation, Message, Run
from sessions_app.queries import lineage_of, messages_in
from sessions_app.values import Role, ToolCallPart

MOST_ANCESTORS = 100
"""Forks of forks of forks; each is one more place to read."""
MOST_LOOKED_AT = 2_000
"""Messages with tool calls or results, before and after the place, that are looked at."""

_OF_TOOLS = (
    Q(content__contains=[{"type": "tool_call"}])
    | Q(content__contains=[{"type": "tool_result"}])
    | Q(tool_call_id__isnull=False)
    | ~Q(tool_calls=[])
)


_PARTS = '$[*] ? (@.type == "tool_call" || @.type == "tool_result")'


class ForkTooDeep(Refused):
    """This is a fork of a fork of a fork …: too many to fork it again. Start a conversation of its own."""

    code = "fork-too-deep"
    status = 422


class ToolCallOpen(Refused):
    """A tool call before this place has its result only after it; fork after the result, or before the call."""

    code = "tool-call-open"
    status = 409


class Origin(NamedTuple):
    """What a fork shares: of `parent` all up to the position `forked_at`."""

    parent: UUID
    forked_at: int


def after(message: Message) -> Origin:
    """All up to and including the message and the results of the tool calls so far, with what was said meanwhile.
    Raises ToolCallOpen while a run still waits for them."""
    return _origin(message.conversation_id, _with_results(message.conversation_id, message.position))


def before(message: Message) -> Origin:
    """All that came before the message. Raises ToolCallOpen when that came between a tool call and its result."""
    return _origin(message.conversation_id, _between(message.conversation_id, message.position - 1))


def of_answer(message: Message) -> tuple[Origin, Run | None]:
    """All that the message answered, and the run it is of: what that run was asked, or all up to the last user message.
    Raises Invalid where there is none."""
    run = Run.objects.filter(id=message.run, session_id=message.session_id).first() if message.run else None
    if run is not None:
        return _origin(run.conversation_id, run.requested_version), run
    earlier = messages_in(message.conversation_id).filter(role=Role.USER, position__lt=message.position)
    question = earlier.order_by("-position").first()
    if question is None:
        raise Invalid("There is no user message that this one answers.")
    return _origin(message.conversation_id, _between(message.conversation_id, question.position)), None


def at(conversation_id: UUID, position: int) -> Origin:
    """All up to that position, whatever it parts: who forks there knows the calls and brings the results. Raises
    ForkTooDeep."""
    return _origin(conversation_id, position)


def name_in(session_id: UUID) -> str:
    """What a fork is called that nobody gives a name."""
    return f"Fork {Conversation.objects.filter(session_id=session_id).count()}"


def _between(conversation_id: UUID, cut: int) -> int:
    if _with_results(conversation_id, cut) != cut:
        raise ToolCallOpen
    return cut


def _with_results(conversation_id: UUID, cut: int) -> int:
    """The place, or the first one after it that parts no call from its result."""
    line = messages_in(conversation_id).filter(_OF_TOOLS)
    earlier = _bare(line.filter(position__lte=cut).order_by("-position"))[::-1]
    later = _bare(line.filter(position__gt=cut).order_by("position")) if earlier else []
    items = [item_of(message) for message in (*earlier, *later)]
    pairs = paired(items)
    open_runs = {
        message.run
        for number, message in enumerate(earlier)
        for place, part in enumerate(items[number].content)
        if isinstance(part, ToolCallPart) and (number, place) not in pairs and message.run
    }
    if Run.objects.filter(id__in=open_runs, state__in=status.OPEN).exists():
        raise ToolCallOpen
    for (call, _), (result, _) in sorted(pairs.items()):
        if items[call].position <= cut:
            cut = max(cut, items[result].position)
    return cut


def _bare(line: QuerySet[Message]) -> list[Message]:
    """The messages with the ids of their tool calls and results, and without anything long."""
    inside = [_all_in("content", f"{_PARTS}.type"), _all_in("content", f"{_PARTS}.tool_call_id")]
    beside = _all_in("tool_calls", "$[*].tool_call_id")
    rows = line.values_list("id", "position", "role", "run", "tool_call_id", *inside, beside)
    return [
        Message(
            **dict(zip(("id", "position", "role", "run", "tool_call_id"), row, strict=False)),
            content=_parts(zip(kinds, ids, strict=True)),
            tool_calls=_parts(("tool_call", call) for call in calls),
        )
        for *row, kinds, ids, calls in rows[:MOST_LOOKED_AT]
    ]


def _all_in(column: str, path: str) -> Func:
    template = "jsonb_path_query_array(%(expressions)s::jsonpath)"
    return Func(column, Value(path), template=template, output_field=JSONField())


def _parts(named: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    more: dict[str, dict[str, Any]] = {"tool_call": {"name": "", "args": {}}, "tool_result": {"content": ""}}
    return [{"type": kind, "tool_call_id": ident, **more[kind]} for kind, ident in named]


def _origin(conversation_id: UUID, cut: int) -> Origin:
    """The nearest conversation of which something is shared: two versions of one message are siblings, however one came
    from the other. Raises ForkTooDeep."""
    lineage = Conversation.objects.values_list("lineage", flat=True).get(id=conversation_id)
    for parent, end in [(conversation_id, cut), *lineage]:
        upto = min(cut, end)
        if Message.objects.filter(conversation_id=parent, position__lte=upto).exists():
            origin = Origin(UUID(str(parent)), upto)
            break
    else:
        origin = Origin(conversation_id, cut)
    if len(lineage_of(*origin)) > MOST_ANCESTORS:
        raise ForkTooDeep
    return origin
