"""Durable subscribers: at least once per event, in log order, whatever fails."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection

from bus.bus import bus
from bus.exceptions import Forbidden, NotFound
from bus.log import durable
from bus.log.durable import RedriveDelivery
from bus.messages import Actor, Context, Envelope
from bus.models import ParkedDelivery, SubscriberCursor
from bus.registry import Subscriber
from tests.bus.support import Toy, execute, in_threads, wait_until

NAME = "a-subscriber"
Subscribe = Callable[..., Subscriber]


class Inbox:
    """A subscriber that remembers, and fails when it is told to."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.tried: list[str] = []
        self.poison: set[str] = set()

    def __call__(self, envelope: Envelope) -> None:
        text = envelope.fields().get("text", envelope.type)
        self.tried.append(text)
        if text in self.poison:
            raise RuntimeError(f"{text} is poison")
        self.got.append(text)


@pytest.fixture
def inbox() -> Inbox:
    """Empty."""
    return Inbox()


@pytest.fixture
def subscribe(toy: Toy, inbox: Inbox) -> Subscribe:
    """Registers the inbox as a durable subscriber of the toy bus."""

    def register(*topics: str, max_attempts: int = 3) -> Subscriber:
        toy.registry.subscribes_to(*(topics or ("noted",)), name=NAME, max_attempts=max_attempts)(inbox)
        return toy.registry.subscribers[NAME]

    return register


def deliver_until(toy: Toy, condition: Callable[[], Any]) -> None:
    """Delivery rounds, as a worker makes them, until the condition holds."""

    def turn() -> Any:
        execute("UPDATE bus_subscribercursor SET run_after = now()")
        durable.deliver_all("w", toy.registry)
        return condition()

    wait_until(turn, "the delivery")


def head(toy: Toy) -> int:
    """The position of the toy stream's last event."""
    return toy.events()[-1].position


def cursor() -> SubscriberCursor:
    """The subscriber's cursor."""
    return SubscriberCursor.objects.get(name=NAME)


def test_every_wanted_event_arrives_once_in_order_and_the_cursor_advances(
    toy: Toy, inbox: Inbox, subscribe: Subscribe
) -> None:
    subscribe()
    for number in range(5):
        toy.note(str(number))
    deliver_until(toy, lambda: cursor().position == head(toy))
    assert inbox.got == ["0", "1", "2", "3", "4"]
    durable.deliver_all("w", toy.registry)
    assert inbox.got == ["0", "1", "2", "3", "4"]


def test_only_the_wanted_topics_are_delivered_but_the_cursor_passes_the_others(
    toy: Toy, inbox: Inbox, subscribe: Subscribe
) -> None:
    subscribe("open*")
    toy.note("not wanted", times=3)
    deliver_until(toy, lambda: cursor().position == head(toy))
    assert inbox.got == ["opened"]


def test_more_than_a_page_is_delivered_in_one_turn(toy: Toy, inbox: Inbox, subscribe: Subscribe) -> None:
    subscriber = subscribe()
    toy.note("n", times=durable.PAGE + 20)
    toy.note("n", times=durable.PAGE + 20)
    wait_until(lambda: durable.deliver(subscriber, "w", toy.registry), "a turn that delivers")
    deliver_until(toy, lambda: cursor().position == head(toy))
    assert len(inbox.got) == 2 * durable.PAGE + 40


def test_a_failing_delivery_backs_off_then_is_parked_and_the_next_go_on(
    toy: Toy, inbox: Inbox, subscribe: Subscribe
) -> None:
    subscriber = subscribe(max_attempts=3)
    toy.note("before")
    toy.note("bad")
    toy.note("after")
    inbox.poison = {"bad"}
    deliver_until(toy, lambda: cursor().attempts == 1)
    assert inbox.got == ["before"]
    assert "bad is poison" in str(cursor().error)
    execute("UPDATE bus_subscribercursor SET run_after = now() + interval '1 hour'")
    assert durable.deliver(subscriber, "w", toy.registry) == 0, "it waits"
    deliver_until(toy, lambda: cursor().position == head(toy))
    assert inbox.tried == ["before", "bad", "bad", "bad", "after"]
    parked = ParkedDelivery.objects.get()
    assert (parked.subscriber, parked.position, parked.attempts) == (NAME, toy.events()[2].position, 3)
    assert "bad is poison" in parked.error
    assert (cursor().attempts, cursor().error) == (0, None)


def test_the_delays_between_tries_double(toy: Toy, inbox: Inbox, subscribe: Subscribe) -> None:
    subscribe(max_attempts=5)
    toy.note("bad")
    inbox.poison = {"bad"}
    delays = []
    for attempt in range(1, 5):
        deliver_until(toy, partial(tried, attempt))
        with connection.cursor() as reading:
            reading.execute("SELECT extract(epoch FROM run_after - now()) FROM bus_subscribercursor")
            delays.append(float(reading.fetchone()[0]))
    for number, delay in enumerate(delays):
        assert 0 < 2**number - delay < 1


def test_a_parked_delivery_is_redriven_by_command(toy: Toy, inbox: Inbox, subscribe: Subscribe) -> None:
    subscribe(max_attempts=1)
    toy.note("bad")
    toy.note("worse")
    inbox.poison = {"bad", "worse"}
    deliver_until(toy, lambda: ParkedDelivery.objects.count() == 2)
    inbox.poison = {"worse"}
    assert bus.execute(RedriveDelivery(subscriber=NAME)).data == {"redriven": 2}
    deliver_until(toy, lambda: ParkedDelivery.objects.count() == 1)
    assert inbox.got == ["bad"]
    left = ParkedDelivery.objects.get()
    assert ("worse is poison" in left.error, left.attempts, left.redrive) == (True, 2, False)
    inbox.poison = set()
    assert bus.execute(RedriveDelivery(subscriber=NAME, position=left.position)).data == {"redriven": 1}
    deliver_until(toy, lambda: not ParkedDelivery.objects.exists())
    assert inbox.got == ["bad", "worse"]


def test_only_operators_may_redrive_and_only_what_is_parked(toy: Toy) -> None:
    with pytest.raises(NotFound):
        bus.execute(RedriveDelivery(subscriber="nobody"))
    with pytest.raises(Forbidden):
        bus.execute(RedriveDelivery(subscriber=NAME), Context(actor=Actor("user", "1")))


def tried(times: int) -> bool:
    """Whether the delivery at hand has failed so often."""
    return cursor().attempts == times


class Killed(BaseException):
    """The process dies."""


def test_an_event_is_delivered_again_when_the_process_died_before_the_cursor_was_written(
    toy: Toy, inbox: Inbox, subscribe: Subscribe
) -> None:
    subscriber = subscribe()
    toy.note("a")
    toy.note("b")
    deaths: list[str] = []

    def dies_once(envelope: Envelope) -> None:
        inbox(envelope)
        if not deaths:
            deaths.append("after it was delivered, before the cursor was written")
            raise Killed

    mortal = Subscriber(NAME, subscriber.topics, dies_once, 3)

    def turn() -> bool:
        try:
            return durable.deliver(mortal, "w", toy.registry) > 0
        except Killed:
            return True

    wait_until(turn, "the first delivery")
    assert (inbox.got, deaths != []) == (["a"], True)
    assert durable.deliver(mortal, "w", toy.registry) == 0, "the dead one's lease still holds"
    execute("UPDATE bus_subscribercursor SET lease_until = now() - interval '1 second'")
    wait_until(lambda: durable.deliver(mortal, "w", toy.registry), "the takeover")
    deliver_until(toy, lambda: cursor().position == head(toy))
    assert inbox.got == ["a", "a", "b"]


def test_a_worker_that_lost_the_cursor_stops_and_does_not_move_it(
    toy: Toy, inbox: Inbox, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "ADVANCE_SECONDS", 0.0)
    subscriber = subscribe()
    toy.note("a")
    toy.note("b")

    def taken_over_meanwhile(envelope: Envelope) -> None:
        inbox(envelope)
        execute("UPDATE bus_subscribercursor SET fence = fence + 1, owner = 'another'")

    slow = Subscriber(NAME, subscriber.topics, taken_over_meanwhile, 3)
    wait_until(lambda: durable.deliver(slow, "w", toy.registry), "the delivery")
    assert inbox.got == ["a"]
    assert cursor().position < toy.events()[1].position
    execute("UPDATE bus_subscribercursor SET lease_until = now() - interval '1 second'")
    deliver_until(toy, lambda: cursor().position == head(toy))
    assert inbox.got == ["a", "a", "b"]


def test_quick_deliveries_share_one_move_of_the_cursor_and_a_failure_loses_none_of_it(
    toy: Toy, inbox: Inbox, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "ADVANCE_SECONDS", 3600.0)
    subscriber = subscribe()
    for text in ("a", "b", "bad", "c"):
        toy.note(text)
    inbox.poison = {"bad"}
    wait_until(lambda: durable.deliver(subscriber, "w", toy.registry), "the delivery")
    assert (cursor().position, cursor().attempts) == (toy.events()[2].position, 1)
    inbox.poison = set()
    deliver_until(toy, lambda: cursor().position == head(toy))
    assert inbox.got == ["a", "b", "bad", "c"]


def test_of_many_workers_one_delivers_at_a_time(toy: Toy, inbox: Inbox, subscribe: Subscribe) -> None:
    subscriber = subscribe()
    toy.note("n", times=50)

    def work() -> None:
        wait_until(lambda: durable.deliver(subscriber, "w", toy.registry) or cursor().position == head(toy))

    assert in_threads(*[work] * 4) == [None] * 4
    deliver_until(toy, lambda: cursor().position == head(toy))
    assert len(inbox.got) == 50
