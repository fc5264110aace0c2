"""What the bus counts and traces."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from bus import observe
from bus.bus import MessageBus, bus
from bus.exceptions import VersionConflict
from bus.log import durable
from bus.messages import Envelope, uuid7
from bus.models import StoredEvent, Work
from bus.work import runner
from sessions_app import commands
from tests.bus.support import Fail, Note, Noted, Toy, on_a_loop, wait_until
from tests.story import Story


class Counter:
    """How much a metric has moved since the test began."""

    def __init__(self, name: str, **labels: str) -> None:
        self._name, self._labels = name, labels
        self._before = self._now()

    def _now(self) -> float:
        return REGISTRY.get_sample_value(self._name, self._labels) or 0.0

    @property
    def moved(self) -> float:
        """The difference."""
        return self._now() - self._before


def test_commands_are_counted_and_timed_by_type_and_outcome(toy: Toy) -> None:
    done = Counter("parley_commands_total", type="note", outcome="ok")
    refused = Counter("parley_commands_total", type="note", outcome="failed")
    timed = Counter("parley_command_seconds_count", type="note")
    toy.note()
    toy.note()
    with pytest.raises(VersionConflict):
        toy.note(expected_version=0)
    assert (done.moved, refused.moved, timed.moved) == (2, 1, 3)


def test_recorded_events_are_counted_and_those_rolled_back_are_not(toy: Toy) -> None:
    events = Counter("parley_events_total", type="noted")
    toy.note(times=3)
    with pytest.raises(RuntimeError):
        toy.bus.execute(Fail(session_id=toy.id))
    assert events.moved == 3


def test_failing_reactions_and_listeners_are_counted_by_name(toy: Toy) -> None:
    def broken(*event: Any) -> None:
        raise RuntimeError("on purpose")

    toy.registry.reacts_to(Noted)(broken)
    toy.bus.on(Noted, broken)
    reactions = Counter("parley_reaction_failures_total", reaction=f"{__name__}.broken")
    listeners = Counter("parley_listener_failures_total", listener=broken.__qualname__)
    toy.note()
    assert (reactions.moved, listeners.moved) == (1, 1)


def test_deliveries_are_counted_by_outcome(toy: Toy) -> None:
    @toy.registry.subscribes_to("noted", name="counted", max_attempts=1)
    def subscriber(envelope: Envelope) -> None:
        if envelope.fields()["text"] == "bad":
            raise RuntimeError("on purpose")

    good = Counter("parley_deliveries_total", subscriber="counted", outcome="ok")
    bad = Counter("parley_deliveries_total", subscriber="counted", outcome="failed")
    toy.note("good")
    toy.note("bad")

    def delivered() -> bool:
        durable.deliver_all("w", toy.registry)
        return good.moved + bad.moved == 2

    wait_until(delivered, "the delivery")
    assert (good.moved, bad.moved) == (1, 1)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Spans are made, and kept here, for the length of one test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(observe, "_tracer", provider.get_tracer("test"))
    monkeypatch.setattr(observe, "_spans", True)
    yield exporter
    provider.shutdown()


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """The finished spans by name."""
    return {span.name: span for span in spans.get_finished_spans()}


def trace_of(span: ReadableSpan) -> int:
    """The id of the trace it belongs to."""
    assert span.context is not None
    trace_id: int = span.context.trace_id
    return trace_id


def test_a_command_is_a_span_and_its_events_carry_the_trace(toy: Toy, spans: InMemorySpanExporter) -> None:
    with observe.span("request"):
        toy.note()
    made = named(spans)
    assert trace_of(made["command note"]) == trace_of(made["request"])
    parent = StoredEvent.objects.get(type="noted").traceparent
    assert parent.split("-")[1] == trace.format_trace_id(trace_of(made["command note"]))


@pytest.mark.django_db(transaction=True)
def test_a_queued_commands_span_joins_the_trace_of_who_asked(story: Story, spans: InMemorySpanExporter) -> None:
    with observe.span("request"):
        work = bus.enqueue(commands.AddMessage(session_id=story.id, content="later"))
    runner.run(work)
    made = named(spans)
    assert Work.objects.get(id=work).traceparent
    assert trace_of(made["command add-message"]) == trace_of(made["request"])


def test_a_span_reaches_into_the_database_threads(toy: Toy, spans: InMemorySpanExporter) -> None:
    async def main() -> None:
        with observe.span("socket"):
            await toy.bus.aexecute(Note(session_id=toy.id, text="x"))

    on_a_loop(main)
    made = named(spans)
    assert trace_of(made["command note"]) == trace_of(made["socket"])


def test_what_happens_in_one_scope_is_traced_together(toy: Toy, spans: InMemorySpanExporter) -> None:
    async def main() -> None:
        async with toy.bus.create_session(toy.id) as scope:
            await scope.execute_with_session(Note(session_id=toy.id, text="x"))

    on_a_loop(main)
    made = named(spans)
    assert trace_of(made["command note"]) == trace_of(made["scope"])
    assert (made["scope"].attributes or {})["session"] == str(toy.id)


def test_without_spans_there_is_no_trace(toy: Toy) -> None:
    assert observe.traceparent() == ""
    with observe.span("nothing"):
        assert observe.traceparent() == ""


def test_commands_of_an_in_process_bus_are_counted_too() -> None:
    local = MessageBus()

    @local.registry.handles(Note)
    def handler(command: Note, context: object) -> None:
        """Does nothing."""

    done = Counter("parley_commands_total", type="note", outcome="ok")
    local.execute(Note(session_id=uuid7(), text="x"))
    assert done.moved == 1
