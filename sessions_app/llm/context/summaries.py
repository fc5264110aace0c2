"""Which summaries are in force, and where they stand."""

from bisect import bisect_right
from collections.abc import Sequence
from uuid import UUID

from sessions_app.llm.context.plan import Item
from sessions_app.values import Role


def in_force(summaries: Sequence[Item], positions: dict[UUID, int]) -> tuple[list[Item], set[UUID]]:
    """The summaries no later one stands for, and every id that one of them stands for, also through another."""
    covered: set[UUID] = set()
    kept = []
    for item in reversed(summaries):
        if item.id not in covered or item.pinned:
            kept.append(item)
        covered |= {one for one in item.covers if positions.get(one, item.position) < item.position}
    return kept[::-1], covered


def places(whole: Sequence[Item], starts: Sequence[int]) -> dict[UUID, tuple[int, int]]:
    """The rank of each summary's unit: before the exchange (they start at `starts`) in which the first message stood
    that it stands for; one of nothing here stays between the exchanges where it is."""
    firsts: dict[UUID, int] = {}
    found = {}
    for rank, item in enumerate(whole):
        first = min((firsts[one] for one in item.covers if one in firsts), default=rank)
        firsts[item.id] = first
        if item.role is Role.SUMMARY:
            number = max(0, bisect_right(starts, first) - (first < rank))
            found[item.id] = (starts[number], 0) if number < len(starts) else (len(whole), 0)
    return found
