"""b: `add-message` through the bus into PostgreSQL, beside psycopg alone: by writers, and by the session's length."""

from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.measure import Figure, medians
from benchmarks.peer import Peer
from benchmarks.stack import Bench

WRITERS = 8
SECONDS = 1.0
WARM = 0.2
LENGTHS = (10, 1_000, 10_000, 100_000)
BURSTS, BURST = 21, 100
WAYS = ("bus", "one", "three")
SHARE = 0.6
GROWTH = 1.1


def measure(bench: Bench) -> list[Figure]:
    """Writers are processes, as webs and workers are."""
    with ExitStack() as stack:
        writers = [stack.enter_context(bench.writer()) for _ in range(WRITERS)]
        sessions = bench.sessions(writers[0], WRITERS)
        figures = _by_writers(bench, "1 writer", writers[:1], sessions[:1])
        figures += _by_writers(bench, f"{WRITERS} writers, a session each", writers, sessions)
        figures += _by_writers(bench, f"{WRITERS} writers, one session", writers, sessions[:1] * WRITERS)
        return figures + _by_length(bench, writers[0])


def _by_writers(bench: Bench, name: str, writers: list[Peer], sessions: list[str]) -> list[Figure]:
    def together(way: str, seconds: float = SECONDS) -> Callable[[], float]:
        def run() -> float:
            for writer, session in zip(writers, sessions, strict=True):
                writer.send("write", way=way, session=session, owner=bench.alice, seconds=seconds)
            answers = [writer.read() for writer in writers]
            return sum(float(answer["count"]) / float(answer["seconds"]) for answer in answers)

        return run

    for way in WAYS:
        together(way, WARM)()  # connections, prepared statements, caches
    found = medians({way: together(way) for way in WAYS})
    return [
        Figure(
            benchmark="b",
            name=f"`add-message`, {name}",
            value=found["bus"],
            unit="messages/s",
            floor=found["one"],
            floor_name="psycopg, one statement",
            aim=f"≥ {SHARE:.0%} of the floor",
            met=found["bus"] >= SHARE * found["one"],
        ),
        Figure(
            benchmark="b",
            name=f"`add-message`, {name}",
            value=found["bus"],
            unit="messages/s",
            floor=found["three"],
            floor_name="psycopg, three statements and a commit",
        ),
    ]


def _by_length(bench: Bench, writer: Peer) -> list[Figure]:
    """Short sessions are replaced for each burst, since a burst makes them longer."""
    sessions = {}
    for length in LENGTHS:
        count = BURSTS if length <= 1_000 else 1
        sessions[length] = bench.sessions(writer, count, messages=length) * (BURSTS // count)

    def burst(session: str, way: str = "bus") -> float:
        answer = writer.ask("write", way=way, session=session, owner=bench.alice, count=BURST)
        return 1000 * float(answer["seconds"]) / float(answer["count"])

    bursts: dict[str, Callable[[], float]] = {
        f"{length}": lambda left=list(sessions[length]): burst(left.pop())  # type: ignore[misc]
        for length in LENGTHS
    }
    bursts["floor"] = lambda: burst(sessions[LENGTHS[-1]][0], "one")
    found = medians(bursts, BURSTS)
    shortest, longest = found[f"{LENGTHS[0]}"], found[f"{LENGTHS[-1]}"]
    return [
        Figure(
            benchmark="b",
            name=f"`add-message` to a session of {length:,} messages",
            value=found[f"{length}"],
            unit="ms each",
            floor=found["floor"],
            floor_name="psycopg, one statement",
            aim=f"within 10 % of {LENGTHS[0]} messages" if length == LENGTHS[-1] else "",
            met=longest <= GROWTH * shortest if length == LENGTHS[-1] else None,
        )
        for length in LENGTHS
    ]
