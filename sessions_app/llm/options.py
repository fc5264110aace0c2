"""What a run says for itself: its configuration instead of the session's, and the most that it may use. Called by
admission before a run begins, and by `asking` before each of its requests."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from sessions_app.events import RunRequested
from sessions_app.llm import catalog, pricing, tools
from sessions_app.llm.base import Tool
from sessions_app.llm.budgets import BudgetExhausted
from sessions_app.llm.context.count import answer_room
from sessions_app.models import Run, Session
from sessions_app.values import ClientTool, RunBudget, RunConfig

Asking = RunRequested | Run
"""A run that is requested, or the row of one."""


def config_of(wanted: Asking) -> RunConfig:
    """Its own configuration."""
    return msgspec.convert(wanted.config, RunConfig)


def client_tools_of(wanted: Asking) -> list[ClientTool]:
    """The tools that whoever asked for it will use."""
    return msgspec.convert(wanted.client_tools, list[ClientTool])


def offered(wanted: Asking) -> tuple[Tool, ...]:
    """What the model is told of tools: the server's, and those of whoever asked. Raises UnknownTool."""
    theirs = client_tools_of(wanted)
    told = (
        Tool(name=one.name, description=one.description, parameters=one.parameters, strict=one.strict) for one in theirs
    )
    return (*tools.specs(wanted.tools), *told)


def system_prompt(session: Session, wanted: Asking) -> str:
    """The system prompt of its requests."""
    return config_of(wanted).system_prompt or session.config.get("system_prompt") or ""


def budget_of(wanted: Asking) -> RunBudget | None:
    """Its own budget."""
    return msgspec.convert(wanted.budget, RunBudget | None)


def max_tokens(session: Session, wanted: Asking) -> int | None:
    """The most tokens its answers may have."""
    longest: int | None = config_of(wanted).max_tokens or session.config.get("max_tokens")
    return longest


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """A run's budget, and what it has used of it. `usd` None: that is not known."""

    provider: str
    model: str
    budget: RunBudget
    tokens: int = 0
    usd: Decimal | None = Decimal(0)

    def longest_answer(self, prompt: int, wanted: int | None) -> int | None:
        """The `max_tokens` of a request whose prompt takes so many, where `wanted` is asked for; None: no need to limit
        it. Raises BudgetExhausted where the prompt and a word of an answer do not fit."""
        allowed = self._answer_for(prompt)
        if allowed is None:
            return wanted
        if wanted is not None:
            return min(wanted, allowed)
        known = catalog.known(self.provider, self.model)
        window = known.max_context_window
        if window is not None and allowed >= window:
            return None
        return min(allowed, known.max_output or answer_room(window, None))

    def allows(self, prompt: int, answer: int) -> bool:
        """Whether so much still fits."""
        try:
            allowed = self._answer_for(prompt)
        except BudgetExhausted:
            return False
        return allowed is None or answer <= allowed

    def _answer_for(self, prompt: int) -> int | None:
        by_tokens, by_usd = self._by_tokens(prompt), self._by_usd(prompt)
        limits = [limit for limit in (by_tokens, by_usd) if limit is not None]
        return min(limits) if limits else None

    def _by_tokens(self, prompt: int) -> int | None:
        if self.budget.tokens is None:
            return None
        left = max(self.budget.tokens - self.tokens, 0)
        if left <= prompt:
            raise BudgetExhausted(
                f"The budget of this run is {self.budget.tokens} tokens; {left} are left, and the next request takes"
                f" about {prompt} without its answer."
            )
        return left - prompt

    def _by_usd(self, prompt: int) -> int | None:
        if self.budget.usd is None:
            return None
        prices = catalog.price_of(self.provider, self.model, datetime.now(UTC))
        if self.usd is None or prices is None:
            raise BudgetExhausted("The budget of this run is in USD, and the price of this model is not known.")
        left = max(self.budget.usd - self.usd, Decimal(0))
        answer = pricing.answer_for(left, prompt, prices)
        if answer is None:
            raise BudgetExhausted("The budget of this run is in USD, and the price of this model is not known.")
        if answer < 1:
            raise BudgetExhausted(
                f"The budget of this run is {self.budget.usd:f} USD; {left:f} are left, too little for the"
                " next request."
            )
        return answer


def allowance_of(wanted: Asking) -> Allowance | None:
    """What the run may still use; None where it has no budget of its own."""
    budget = budget_of(wanted)
    if budget is None:
        return None
    if isinstance(wanted, RunRequested):
        return Allowance(provider=wanted.provider, model=wanted.model, budget=budget)
    used = (wanted.prompt_tokens or 0) + (wanted.completion_tokens or 0)
    return Allowance(provider=wanted.provider, model=wanted.model, budget=budget, tokens=used, usd=wanted.cost)
