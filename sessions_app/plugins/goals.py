"""Goals: what a session is after, in steps, and what it took: runs, tokens, cost, time, and how well it came out.

Kept as plugin state in the session's metadata (`plugins.goals`), so that the log, a replay and the API have it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.db.models import Count, Sum
from msgspec import Meta

from bus.exceptions import Invalid, NotFound
from bus.messages import Command, Context, Envelope, Event, SessionCommand, uuid7
from bus.registry import handles, reacts_to
from sessions_app import events, queries
from sessions_app.models import Run, Session, UsageEntry
from sessions_app.panels import shows

PLUGIN = "goals"
MOST_GOALS = 100
"""Goals of one session: its metadata are read with every page of it."""
OVERWRITTEN = "metadata.plugins.goals was written over; set it to null to begin anew."
MOST_SESSIONS = 500
"""Sessions, newest change first, that a review looks at."""

GoalTitle = Annotated[str, Meta(min_length=1, max_length=200)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Moment = Annotated[datetime, Meta(tz=True)]
Number = Annotated[int, Meta(ge=0, le=2**53)]
MOST_USD = Decimal(10**12)
Outcome = Literal["achieved", "failed", "abandoned"]


class Goal(msgspec.Struct, kw_only=True):
    """One goal. Runs, tokens, cost (USD, null unknown) and the runs' seconds are its own and those of its sub-goals;
    `seconds` are from its setting to its end."""

    title: str
    set_at: Moment
    parent: UUID | None = None
    progress: Share = 0.0
    outcome: Outcome | None = None
    rating: Share | None = None
    closed_at: Moment | None = None
    seconds: float | None = None
    runs: Number = 0
    tokens: Number = 0
    cost: Decimal | None = None
    run_seconds: float = 0.0


class Goals(msgspec.Struct, kw_only=True):
    """All goals of a session. What happens counts for the one in `focus`."""

    goals: dict[UUID, Goal] = {}
    focus: UUID | None = None

    def line(self, goal_id: UUID | None) -> Iterator[UUID]:
        """The goal and those above it."""
        seen: set[UUID] = set()
        while goal_id in self.goals and goal_id not in seen:
            seen.add(goal_id)
            yield goal_id
            goal_id = self.goals[goal_id].parent

    def children(self, goal_id: UUID | None) -> list[UUID]:
        """Its sub-goals; of None the goals at the top."""
        return [ident for ident, goal in self.goals.items() if goal.parent == goal_id]

    def derive(self, goal_id: UUID) -> None:
        """The progress of what is above it: the mean of the sub-goals, without those that were given up."""
        for ident in list(self.line(goal_id))[1:]:
            steps = [self.goals[child] for child in self.children(ident)]
            counted = [step for step in steps if step.outcome != "abandoned"]
            if counted and self.goals[ident].outcome is None:
                self.goals[ident].progress = round(sum(step.progress for step in counted) / len(counted), 4)

    def changed(self, goal_id: UUID) -> Event:
        """The event that keeps the goal, what is above it, and the focus."""
        state = {str(ident): msgspec.to_builtins(self.goals[ident]) for ident in self.line(goal_id)}
        focus = str(self.focus) if self.focus else None
        return events.PluginStateChanged(plugin=PLUGIN, state={"goals": state, "focus": focus})


class SetGoal(SessionCommand):
    """Set a goal, or with `parent_id` a step towards one. With `focus` what happens from now on counts for it."""

    scope = "sessions:write"

    title: GoalTitle
    parent_id: UUID | None = None
    focus: bool = True


class UpdateGoal(SessionCommand):
    """Change a goal: its title, its progress (0 to 1, of a goal without sub-goals), whether it is in focus."""

    scope = "sessions:write"

    goal_id: UUID
    title: GoalTitle | None = None
    progress: Share | None = None
    focus: bool | None = None


class CloseGoal(SessionCommand):
    """End a goal: how it came out, and how well (0 to 1)."""

    scope = "sessions:write"

    goal_id: UUID
    outcome: Outcome = "achieved"
    rating: Share | None = None


class ReviewGoals(Command):
    """How one's goals came out and what they took, the earlier and the later half of those that are closed."""

    scope = "sessions:read"


# -- deciding ----------------------------------------------------------------------------------------------------------


def goals_of(session: Session) -> Goals:
    """The session's goals. Metadata are their owner's to change: raises Invalid for what are no goals."""
    kept = session.metadata.get("plugins")
    state = kept.get(PLUGIN, {}) if isinstance(kept, dict) else {}
    try:
        goals = msgspec.convert(state, Goals)
    except msgspec.ValidationError:
        raise Invalid(OVERWRITTEN) from None
    costs = [goal.cost for goal in goals.goals.values() if goal.cost is not None]
    if len(goals.goals) > MOST_GOALS or not all(cost.is_finite() and 0 <= cost < MOST_USD for cost in costs):
        raise Invalid(OVERWRITTEN)
    return goals


def _open(command: UpdateGoal | CloseGoal) -> tuple[Goals, Goal]:
    goals = goals_of(Session.objects.get(id=command.session_id))
    goal = goals.goals.get(command.goal_id)
    if goal is None:
        raise NotFound(f"Goal not found with ID: {command.goal_id}")
    if goal.outcome is not None:
        raise Invalid("The goal is closed.")
    return goals, goal


@handles(SetGoal)
def set_goal(command: SetGoal, context: Context) -> Any:
    """Under an open goal, or at the top."""
    goals = goals_of(Session.objects.get(id=command.session_id))
    parent = goals.goals.get(command.parent_id) if command.parent_id else None
    if command.parent_id and parent is None:
        raise NotFound(f"Goal not found with ID: {command.parent_id}")
    if parent is not None and parent.outcome is not None:
        raise Invalid("The goal above it is closed.")
    if len(goals.goals) >= MOST_GOALS:
        raise Invalid(f"A session has at most {MOST_GOALS} goals.")
    goal_id = uuid7()
    goals.goals[goal_id] = Goal(
        title=command.title, set_at=datetime.now(UTC), parent=command.parent_id, cost=Decimal(0)
    )
    goals.focus = goal_id if command.focus else goals.focus
    goals.derive(goal_id)
    yield goals.changed(goal_id)
    return {"id": goal_id}


@handles(UpdateGoal)
def update_goal(command: UpdateGoal, context: Context) -> Any:
    """Progress derives where there are sub-goals."""
    goals, goal = _open(command)
    if command.progress is not None and goals.children(command.goal_id):
        raise Invalid("The progress of a goal with sub-goals follows from theirs.")
    goal.title = goal.title if command.title is None else command.title
    goal.progress = goal.progress if command.progress is None else command.progress
    if command.focus:
        goals.focus = command.goal_id
    elif command.focus is False and goals.focus == command.goal_id:
        goals.focus = None
    goals.derive(command.goal_id)
    yield goals.changed(command.goal_id)
    return {"id": command.goal_id}


@handles(CloseGoal)
def close_goal(command: CloseGoal, context: Context) -> Any:
    """Its sub-goals first. The focus moves to the goal above it."""
    goals, goal = _open(command)
    if any(goals.goals[child].outcome is None for child in goals.children(command.goal_id)):
        raise Invalid("Close its sub-goals first.")
    goal.outcome, goal.rating, goal.closed_at = command.outcome, command.rating, datetime.now(UTC)
    goal.seconds = round((goal.closed_at - goal.set_at).total_seconds(), 3)
    goal.progress = 1.0 if command.outcome == "achieved" else goal.progress
    if goals.focus == command.goal_id:
        goals.focus = goal.parent
    goals.derive(command.goal_id)
    yield goals.changed(command.goal_id)
    return {"id": command.goal_id}


# -- measuring ---------------------------------------------------------------------------------------------------------


@reacts_to(*events.RUN_ENDS)
def measure(event: Any, envelope: Envelope) -> Iterator[Event]:
    """What a run took counts for the open goal its metadata name (`goal`), or else the one in focus."""
    session = Session.objects.filter(id=envelope.stream, metadata__plugins__has_key=PLUGIN).only("metadata").first()
    if session is None:
        return
    try:
        goals = goals_of(session)
    except Invalid:
        return
    run = Run.objects.get(id=event.run_id)
    named = {str(ident): ident for ident in goals.goals}.get(str(run.metadata.get("goal")), goals.focus)
    if named not in goals.goals or goals.goals[named].outcome is not None:
        return
    entries = UsageEntry.objects.filter(session=envelope.stream, run=run.id)
    spent = entries.aggregate(usd=Sum("cost"), known=Count("cost"), all=Count("id"))
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    for ident in goals.line(named):
        goal = goals.goals[ident]
        goal.runs += 1
        goal.tokens += (run.prompt_tokens or 0) + (run.completion_tokens or 0)
        goal.run_seconds = round(goal.run_seconds + took, 3)
        known = goal.cost is not None and spent["known"] == spent["all"]
        goal.cost = (goal.cost or Decimal(0)) + (spent["usd"] or 0) if known else None
    yield goals.changed(named)


@handles(ReviewGoals)
def review_goals(command: ReviewGoals, context: Context) -> dict[str, Any]:
    """Whether it gets better: the two halves beside each other."""
    rows = queries.own_of(context.actor).filter(metadata__plugins__has_key=PLUGIN).order_by("-updated_at", "-id")
    closed: list[Goal] = []
    for session in rows.only("metadata")[:MOST_SESSIONS]:
        try:
            closed += [goal for goal in goals_of(session).goals.values() if goal.closed_at]
        except Invalid:
            continue
    closed.sort(key=lambda goal: goal.closed_at or goal.set_at)
    half = len(closed) // 2
    return {"closed": len(closed), "earlier": _mean(closed[:half]), "later": _mean(closed[half:])}


def _mean(goals: Sequence[Goal]) -> dict[str, Any]:
    def mean(values: list[float]) -> float | None:
        return round(sum(values) / len(values), 6) if values else None

    return {
        "goals": len(goals),
        "achieved": mean([float(goal.outcome == "achieved") for goal in goals]),
        "rating": mean([goal.rating for goal in goals if goal.rating is not None]),
        "runs": mean([float(goal.runs) for goal in goals]),
        "tokens": mean([float(goal.tokens) for goal in goals]),
        "cost": mean([float(goal.cost) for goal in goals if goal.cost is not None]),
        "seconds": mean([goal.seconds for goal in goals if goal.seconds is not None]),
    }


# -- showing -----------------------------------------------------------------------------------------------------------


@shows("Goals")
def lines(session: Session) -> list[str]:
    """One line a goal, steps below what they lead to."""
    try:
        goals = goals_of(session)
    except Invalid:
        return []
    return list(_lines(goals, None, 0))


def _lines(goals: Goals, above: UUID | None, depth: int) -> Iterator[str]:
    for ident in goals.children(above):
        goal = goals.goals[ident]
        cost = "cost unknown" if goal.cost is None else f"${goal.cost:.4f}"
        state = goal.outcome or f"{goal.progress * 100:.0f} %"
        yield f"{'· ' * depth}{goal.title} ({state}; {goal.runs} runs, {goal.tokens} tokens, {cost})"
        yield from _lines(goals, ident, depth + 1)
