"""What clients asked for and were told, as JSON lines, and the one checker that compares it with the log."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.flow.stack import DEADLINE, wait_until


class History:
    """Used from many threads. Kinds: `invoke`; then `ok` (acknowledged), `fail` (refused), or `info` (unknown)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.acknowledged: dict[str, str] = {}
        self.kinds: Counter[str] = Counter()
        self.took: list[float] = []
        self.contradictions: list[str] = []
        self._lock = threading.Lock()
        self._start = time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)

    def note(self, kind: str, key: str, **more: Any) -> None:
        """Add one line."""
        with self._lock:
            self.kinds[kind] += 1
            line = {"at": round(time.monotonic() - self._start, 4), "kind": kind, "key": key, **more}
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def ok(self, key: str, ident: str, took: float) -> None:
        """The request was acknowledged with this id, after so many seconds."""
        with self._lock:
            if self.acknowledged.setdefault(key, ident) != ident:
                self.contradictions.append(f"{key}: {self.acknowledged[key]}, then {ident}")
            self.took.append(took)
        self.note("ok", key, id=ident, took=round(took, 4))

    def figures(self, name: str, **numbers: Any) -> None:
        """What was measured, for the report of `make chaos`."""
        self.note("figures", name, **numbers)

    def count(self) -> int:
        """How many different keys were acknowledged."""
        return len(self.acknowledged)

    def reach(self, count: int, deadline: float = DEADLINE) -> None:
        """Wait until so many different keys were acknowledged."""
        wait_until(lambda: self.count() >= count, deadline=deadline, what=f"{count} acknowledged messages")


Rows = Sequence[tuple[int, str | None, str | None]]
"""(version, message id, text) of one session's log, by version; the texts are the keys of the history."""


def check_log(history: History, rows: Rows, prefix: str = "") -> None:
    """Gapless; every acknowledged key (with this prefix) is there under the acknowledged id, none is there twice."""
    assert not history.contradictions, f"one key, two answers: {history.contradictions}"
    check_versions([row[0] for row in rows], len(rows))
    stored = [(text, ident) for _, ident, text in rows if ident is not None]
    twice = [text for text, count in Counter(text for text, _ in stored).items() if count > 1]
    assert not twice, f"stored twice: {twice}"
    wanted = {pair for pair in history.acknowledged.items() if pair[0].startswith(prefix)}
    lost = wanted - {(text or "", ident) for text, ident in stored}
    assert not lost, f"acknowledged and not stored: {sorted(lost)}"


def check_versions(versions: Sequence[int], last: int) -> None:
    """1..last, once each, in order; what a log holds and what a reader is given."""
    assert list(versions) == list(range(1, last + 1)), f"not 1..{last}: {_oddities(versions)}"


def _oddities(versions: Sequence[int]) -> list[str]:
    pairs = zip((0, *versions), versions, strict=False)
    return [f"{after} follows {before}" for before, after in pairs if after != before + 1][:10] or ["it ends early"]


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 1000) // 1000) - 1)] if ordered else 0.0
