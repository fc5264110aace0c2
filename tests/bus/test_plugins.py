"""What the bus does for plugins: subscribers cost little where there is nothing to do, commands may prepare."""

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from bus.log import durable
from bus.messages import Context, Envelope, SessionCommand
from bus.work.hints import DELIVER, Hinter
from tests.bus.support import Toy, execute, wait_until


def test_a_round_without_anything_to_do_is_one_look_however_many_subscribe(toy: Toy) -> None:
    got: list[int] = []

    for name in ("one", "two", "three"):

        @toy.registry.subscribes_to("noted", name=name)
        def take(envelope: Envelope) -> None:
            got.append(envelope.version)

    toy.note("hello")

    def done(count: int) -> bool:
        durable.deliver_all("w", toy.registry)
        return len(got) == count

    wait_until(lambda: done(3), "the delivery")
    with CaptureQueriesContext(connection) as queries:
        durable.deliver_all("w", toy.registry)
    assert len(queries) == 1
    toy.note("again")
    wait_until(lambda: done(6), "the next delivery")
    assert execute("SELECT FROM bus_subscribercursor WHERE lease_until IS NOT NULL") == 0


class Counting(Hinter):
    """Keeps what it would send."""

    def __init__(self, interval: float) -> None:
        self.sent: list[str] = []
        super().__init__(100, interval)

    def _send(self, task: str, arguments: tuple[Any, ...]) -> None:
        self.sent.append(task)


def test_hints_about_the_log_keep_their_interval_and_hold_up_no_others() -> None:
    hinter = Counting(interval=0.2)
    hinter.deliver()
    wait_until(lambda: hinter.sent == [DELIVER], "the first at once")
    for number in range(50):
        hinter.deliver()
        hinter.send(f"other {number}")
    wait_until(lambda: len(hinter.sent) == 51, "the others at once")
    assert hinter.sent.count(DELIVER) == 1
    wait_until(lambda: hinter.sent.count(DELIVER) == 2, "one for all of the rest")
    assert len(hinter.sent) == 52


class Ask(SessionCommand):
    """Needs something from outside."""

    text: str

    def prepare(self) -> None:
        """Says where it is called."""
        asked.append((self.text, connection.in_atomic_block))


asked: list[tuple[str, bool]] = []


def test_a_command_is_prepared_before_its_transaction(toy: Toy) -> None:
    decided: list[bool] = []

    @toy.registry.handles(Ask)
    def answer(command: Ask, context: Context) -> None:
        decided.append(connection.in_atomic_block)

    toy.bus.execute(Ask(session_id=toy.id, text="x"))
    assert (asked, decided) == ([("x", False)], [True])
