"""What a model is asked next: the conversation as the context planner lets it through, or the tool calls that must be
answered first. Reads the database; called in threads by the engine, and by `context/plan`."""

from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db.models import Q

from bus.messages import changed
from sessions_app.llm import catalog, options, tools
from sessions_app.llm.base import Request, Tool, Turn
from sessions_app.llm.context import count
from sessions_app.llm.context.choice import everything, plan_of
from sessions_app.llm.context.count import room
from sessions_app.llm.context.history import history_of
from sessions_app.llm.context.items import item_of
from sessions_app.llm.context.plan import Item, Plan
from sessions_app.llm.context.planner import plan
from sessions_app.llm.context.relevance_scores import scores
from sessions_app.llm.context.summarize import wanted_summary
from sessions_app.llm.options import Allowance
from sessions_app.models import Message, Run, Session
from sessions_app.queries import counted, messages_in
from sessions_app.values import Role, RunConfig, Strategy, ToolCallPart, ToolResultPart, parts, to_content

MOST_MESSAGES = 2_000
"""So many of the latest messages are looked at."""
FIRST = 1
"""The version of the event that created the session, and its system message."""
UNKNOWN_ROOM = 16_000
"""Tokens a model is taken to read whose window is unknown, where it is asked for a summary."""
WITH_SCORES = ("relevance", "adaptive")
LENGTHS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""Options of providers that say how long an answer may be."""
CONTINUE = "Go on exactly where your last message stops. Repeat nothing and do not comment on this."


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, of which conversation: a run, or what a run would be."""

    session: Session
    conversation_id: UUID
    provider: str
    model: str
    offered: tuple[Tool, ...]
    upto: int
    asked: int | None = None
    run_id: UUID | None = None
    continues: bool = False
    config: RunConfig = RunConfig()
    allowance: Allowance | None = None


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and how it came about."""

    request: Request
    plan: Plan


def asked_by(run: Run) -> Asked:
    """What a run asks."""
    return Asked(
        session=run.session,
        conversation_id=run.conversation_id,
        provider=run.provider,
        model=run.model,
        offered=options.offered(run),
        upto=run.requested_version,
        asked=run.asked_version,
        run_id=run.id,
        continues=run.continues is not None,
        config=options.config_of(run),
        allowance=options.allowance_of(run),
    )


def of_session(session: Session, conversation_id: UUID) -> Asked:
    """What a run requested now would ask; the session comes with its version (`queries.session_of`)."""
    return Asked(
        session=session,
        conversation_id=conversation_id,
        provider=session.provider,
        model=session.model,
        offered=tools.specs(session.config.get("tools") or []),
        upto=session.version,  # type: ignore[attr-defined]
    )


def messages(asked: Asked) -> list[Message]:
    """The messages that count, oldest first: up to the version that is answered, and the run's own."""
    mine = Q(run=asked.run_id) if asked.run_id else Q(pk__in=())
    line = messages_in(asked.conversation_id).filter(Q(position__lte=asked.upto) | mine)
    if asked.asked is not None:
        line = line.exclude(role=Role.USER, position__gt=asked.asked)
    return counted(reversed(line.order_by("-position")[:MOST_MESSAGES]))


def prepare(asked: Asked, strategy: Strategy | None = None) -> Prepared:
    """The next request. Raises ContextOverflow when what must be in it does not fit, BudgetExhausted when the run may
    not use so much."""
    config: dict[str, Any] = asked.session.config | msgspec.to_builtins(asked.config)
    items, offered = _items(asked), asked.offered
    window = catalog.window(asked.provider, asked.model)
    budget = room(window, config.get("max_tokens"), count.tools(offered))
    chosen = _planned(asked, items, budget, strategy or _default(config))
    turns = chosen.turns
    if asked.continues:
        turns += (Turn(role=Role.USER, content=parts(CONTINUE)),)
    request = Request(
        model=asked.model,
        turns=turns,
        tools=offered,
        temperature=config.get("temperature"),
        max_tokens=config.get("max_tokens"),
        options=_options(asked),
    )
    prepared = Prepared(request=request, plan=chosen)
    return prepared if asked.allowance is None else _within(asked.allowance, prepared)


def compacting(run: Run) -> Prepared:
    """What a run that makes a summary asks for: `plan.wanted_summary`, which stands for the older half of what is sent
    of its conversation; None there where nothing may go."""
    asked = changed(asked_by(run), asked=None)  # nothing is answered: all counts where it stands
    history = history_of(_items(asked))
    budget = room(catalog.window(asked.provider, asked.model), None)
    wanted = wanted_summary(history, UNKNOWN_ROOM if budget is None else budget, left=history.tokens // 2)
    made = plan_of(msgspec.structs.replace(everything(history), wanted=wanted), budget, "summarize")
    request = Request(model=asked.model, turns=made.turns, options=_options(asked))
    return Prepared(request=request, plan=made)


def _options(asked: Asked) -> dict[str, Any]:
    """The session's options for its provider, without those that the run has something to say about, and the run's."""
    own = asked.config.provider_options or {}
    if asked.provider != asked.session.provider:
        return own
    given: dict[str, Any] = asked.session.config.get("provider_options") or {}
    meant = {"temperature"} if asked.config.temperature is not None else set()
    if asked.config.max_tokens is not None or asked.allowance is not None:
        meant |= set(LENGTHS)
    return {name: value for name, value in given.items() if name not in meant} | own


def _within(allowance: Allowance, prepared: Prepared) -> Prepared:
    """The answer no longer than the run's budget reaches, and no summary that it does not reach for as well."""
    request, plan = prepared.request, prepared.plan
    prompt = count.turns(request.turns) + count.tools(request.tools)
    longest = allowance.longest_answer(prompt, request.max_tokens)
    wanted = plan.wanted_summary
    if wanted is not None and not allowance.allows(prompt + count.turns(wanted.turns), wanted.max_tokens + 1):
        plan = changed(plan, wanted_summary=None)
    return Prepared(request=changed(request, max_tokens=longest), plan=plan)


def _asked_last(items: list[Item], asked: Asked) -> list[Item]:
    """Answers that came after the message was written were not known to who wrote it: it is asked after them."""
    mine = [item for item in items if item.role is Role.USER and item.position <= (asked.asked or 0)]
    if not mine:
        return items
    last = mine[-1]
    own = asked.upto + 1
    return [msgspec.structs.replace(item, position=own) if item is last else item for item in items]


def _default(config: dict[str, Any]) -> Strategy:
    return msgspec.convert(config.get("context_strategy") or settings.CONTEXT_STRATEGY, Strategy)  # type: ignore[no-any-return]


def _items(asked: Asked) -> list[Item]:
    items = [item_of(message) for message in messages(asked)]
    if asked.asked is not None:
        items = _asked_last(items, asked)
    own = asked.config.system_prompt
    prompt = own or asked.session.config.get("system_prompt")
    aside = _brings_its_own(asked, items)
    if own and aside:
        items = items[1:]
    if prompt and (own or not aside):
        # as it is now; the session's first message is as it was when the session was created
        items = [item for item in items if item.role is not Role.SYSTEM or item.position != FIRST]
        content = parts(prompt)
        first = Item(id=asked.session.id, position=0, role=Role.SYSTEM, content=content, tokens=count.message(content))
        items.insert(0, first)
    return items


def _brings_its_own(asked: Asked, items: list[Item]) -> bool:
    """Whether the conversation, one beside `main`, begins with a system message of its own: it stands instead."""
    aside = asked.conversation_id != asked.session.id
    return aside and bool(items) and items[0].role is Role.SYSTEM and items[0].position != FIRST


def _planned(asked: Asked, items: list[Item], budget: int | None, strategy: Strategy) -> Plan:
    """Scores cost a search: only where the strategy needs them and not everything fits."""
    made = plan(items, budget, strategy)
    if strategy not in WITH_SCORES or made.method in ("full", "compact"):
        return made
    return plan(items, budget, strategy, scores=scores(asked.conversation_id, asked.upto))


def unanswered(run: Run) -> tuple[list[ToolCallPart], list[ToolCallPart]]:
    """The tool calls of the run's last words that have no result yet: those for the server, and those for whoever asked
    for the run."""
    own = Message.objects.filter(run=run.id).order_by("-position")
    last = own.filter(role=Role.ASSISTANT).first()
    if last is None:
        return [], []
    calls = [part for part in to_content(last.content) if isinstance(part, ToolCallPart)]
    later = own.filter(position__gt=last.position, role=Role.TOOL)
    answered = {
        part.tool_call_id
        for message in later
        for part in to_content(message.content)
        if isinstance(part, ToolResultPart)
    }
    open_calls = [call for call in calls if call.tool_call_id not in answered]
    theirs = {tool.name for tool in options.client_tools_of(run)}
    return (
        [call for call in open_calls if call.name not in theirs],
        [call for call in open_calls if call.name in theirs],
    )


def call_ids(run: Run) -> set[str]:
    """The ids of the tool calls the run has made."""
    made = Message.objects.filter(run=run.id, role=Role.ASSISTANT).values_list("content", flat=True)
    return {part["tool_call_id"] for content in made for part in content if part["type"] == "tool_call"}


def steps_of(run: Run) -> int:
    """How often the model has asked for tools."""
    return Message.objects.filter(run=run.id, role=Role.ASSISTANT, content__contains=[{"type": "tool_call"}]).count()
