"""A conversation cut into what stays or goes together: system messages, summaries in force, exchanges."""

from collections.abc import Iterable, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from sessions_app.llm.context.pairs import is_empty, mended, paired
from sessions_app.llm.context.plan import Decision, Item, decided
from sessions_app.llm.context.summaries import in_force, places
from sessions_app.values import Role


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that stay or go together. `code`: why they must stay, empty where they may go. `rank` orders units."""

    kind: Literal["system", "summary", "exchange"]
    rank: tuple[int, int]
    items: tuple[Item, ...]
    tokens: int
    code: str = ""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy chooses from: `units` in order, and what was `settled` before it was asked.

    `ids` are all messages as they were written; `order` has the place of each that may be sent. `touched` says of
    changed items how they were changed."""

    ids: tuple[UUID, ...]
    units: tuple[Unit, ...]
    order: dict[UUID, tuple[int, int]]
    settled: dict[UUID, Decision]
    touched: dict[UUID, Literal["mended", "shortened"]]
    tokens: int

    def may_go(self) -> list[int]:
        """The exchanges that may be left out, oldest first."""
        return [number for number, unit in enumerate(self.units) if unit.kind == "exchange" and not unit.code]

    def summaries(self) -> list[int]:
        """The summaries in force that may be left out, oldest first."""
        return [number for number, unit in enumerate(self.units) if unit.kind == "summary" and not unit.code]


def history_of(items: Sequence[Item]) -> History:
    """The conversation, mended and cut. Items may come in any order."""
    items = sorted(items, key=lambda item: (item.position, item.id))
    settled = {item.id: _unsendable(item) for item in items if item.excluded or is_empty(item.content)}
    whole = mended([item for item in items if item.id not in settled])
    settled |= {item.id: decided(item, "dropped", "unpaired") for item in whole if not item.content}
    whole = [item for item in whole if item.content]
    given = {item.id: item for item in items}
    positions = {item.id: item.position for item in whole}
    summaries, covered = in_force([item for item in whole if item.role is Role.SUMMARY], positions)
    units, replaced = _units(whole, summaries, covered)
    settled |= {item.id: decided(item, "summarised", "covered") for item in replaced}
    return History(
        ids=tuple(item.id for item in items),
        units=units,
        order=_order(whole, units),
        settled=settled,
        touched={item.id: "mended" for item in whole if item is not given[item.id]},
        tokens=sum(unit.tokens for unit in units),
    )


def _unsendable(item: Item) -> Decision:
    return decided(item, "excluded", "excluded") if item.excluded else decided(item, "dropped", "empty")


def _units(whole: list[Item], summaries: list[Item], covered: set[UUID]) -> tuple[tuple[Unit, ...], list[Item]]:
    """The units in order, and the items a summary stands for."""
    exchanges, system = _exchanges(whole)
    starts = [start for start, _ in exchanges]
    units = [_unit("system", (start, 1), [item], "system") for start, item in system]
    replaced = [item for item in whole if item.role is Role.SUMMARY and item not in summaries]
    for number, (start, members) in enumerate(exchanges):
        code = "last-exchange" if number == len(exchanges) - 1 else ""
        code = code or ("pinned-exchange" if any(item.pinned for item in members) else "")
        if not code and all(item.id in covered for item in members):
            replaced += members
        else:
            units.append(_unit("exchange", (start, 1), members, code))
    where = places(whole, starts)
    units += [_unit("summary", where[item.id], [item], "pinned" if item.pinned else "") for item in summaries]
    return tuple(sorted(units, key=lambda unit: unit.rank)), replaced


def _exchanges(whole: list[Item]) -> tuple[list[tuple[int, list[Item]]], list[tuple[int, Item]]]:
    """The exchanges with the rank of their first message, and the system messages with theirs. None begins between a
    call and its result, nor with a result: some programs write results as user messages."""
    exchanges: list[tuple[int, list[Item]]] = []
    system = []
    pairs = sorted((call, result) for (call, _), (result, _) in paired(whole).items())
    answered = dict(pairs)  # of several results of one message, the last
    busy_until = -1
    for rank, item in enumerate(whole):
        if item.role is Role.SYSTEM:
            system.append((rank, item))
        elif (item.role is Role.USER and rank > busy_until) or (not exchanges and item.role is not Role.SUMMARY):
            exchanges.append((rank, [item]))
        elif item.role is not Role.SUMMARY:
            exchanges[-1][1].append(item)
        busy_until = max(busy_until, answered.get(rank, -1))
    return exchanges, system


def _unit(kind: Literal["system", "summary", "exchange"], rank: tuple[int, int], items: list[Item], code: str) -> Unit:
    return Unit(kind=kind, rank=rank, items=tuple(items), tokens=sum(item.tokens for item in items), code=code)


def _order(whole: list[Item], units: Iterable[Unit]) -> dict[UUID, tuple[int, int]]:
    """Each item's place: its own, but for summaries that of their unit."""
    order = {item.id: (rank, 1) for rank, item in enumerate(whole)}
    return order | {unit.items[0].id: unit.rank for unit in units if unit.kind == "summary"}
