"""The planner's vocabulary: items in, a plan out. Used by the planner, the engine and the API.

What every plan keeps to, whatever the strategy:
- system messages, pinned messages and the last exchange stay; excluded ones go, even if they are pinned;
- a tool call and its result stay together; one without the other is never sent;
- an exchange (a user message and all up to the next one) stays or goes whole, so what is sent begins where the
  conversation began or at a user message, after system messages and summaries;
- order is kept, but that a tool's result stands directly after its call, and a summary in force where the first of
  its messages stood;
- the budget is kept, or ContextOverflow says what does not fit;
- the same input gives the same plan, and planning again with what was kept drops nothing more."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from django.utils.translation import gettext_noop as _

from bus.exceptions import Refused
from sessions_app.llm.base import Turn
from sessions_app.values import Content, Role

Outcome = Literal["kept", "dropped", "summarised", "compacted", "excluded"]
Method = Literal["full", "compact", "relevance", "summarize", "truncate"]

WHY = {
    "fits": _("Everything fits."),
    "window-unknown": _("The model's window is not known, so nothing is left out."),
    "system": _("System messages stay."),
    "pinned": _("It is pinned."),
    "pinned-exchange": _("A message of the same exchange is pinned."),
    "last-exchange": _("It belongs to the last exchange."),
    "summary": _("It stands for earlier messages."),
    "recent": _("It is among the latest that fit."),
    "relevant": _("It is among the most relevant that fit."),
    "mended": _("Sent without the parts of tool calls whose other half is missing."),
    "shortened": _("Its tool results were shortened."),
    "oldest": _("It is among the oldest, and not all fits."),
    "least-relevant": _("It is among the least relevant, and not all fits."),
    "awaits-summary": _("It does not fit; a summary is to take its place."),
    "no-room": _("Nothing else was left to leave out."),
    "covered": _("A summary stands for it."),
    "excluded": _("It was excluded by hand."),
    "unpaired": _("A tool call without its result, or a result without its call."),
    "empty": _("There is nothing in it to send."),
}
"""Every code of a decision, in words; pages translate them."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One message as the planner sees it. `tokens` is its estimate (see `count`); `covers`, of a summary: the ids of
    the messages (and earlier summaries) it stands for."""

    id: UUID
    position: int
    role: Role
    content: Content
    tokens: int
    pinned: bool = False
    excluded: bool = False
    covers: frozenset[UUID] = frozenset()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one message, and why. `tokens`: what it takes in the request, 0 if it is not sent."""

    id: UUID
    outcome: Outcome
    code: str
    why: str
    tokens: int


def decided(item: Item, outcome: Outcome, code: str, tokens: int = 0) -> Decision:
    """A decision with its reason in words."""
    return Decision(id=item.id, outcome=outcome, code=code, why=WHY[code], tokens=tokens)


class WantedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A summary worth asking for: of the messages `ids` (among them the summaries it replaces), with the request
    `turns` and at most `max_tokens` of answer. `source_tokens` is what it would replace."""

    ids: tuple[UUID, ...]
    turns: tuple[Turn, ...]
    max_tokens: int
    source_tokens: int

    def metadata(self) -> dict[str, Any]:
        """The metadata of the summary message (document 003)."""
        return {"is_summary": True, "summarized_messages": [str(covered) for covered in self.ids]}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The next request: its `turns`, and a decision for every message, in the order of the conversation.

    Tokens are estimates. `budget` and `occupancy` (tokens ÷ budget) are None where the window is unknown. `method` is
    what it came to; `turns` can be sent as they are, also when a summary is wanted."""

    decisions: tuple[Decision, ...]
    turns: tuple[Turn, ...]
    tokens: int
    budget: int | None
    occupancy: float | None
    strategy: str
    method: Method
    wanted_summary: WantedSummary | None = None


class ContextOverflow(Refused):
    """What must be sent does not fit into the model's window."""

    code = "context-overflow"
    status = 422
