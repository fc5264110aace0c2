"""What the bus does, counted (Prometheus) and traced (OpenTelemetry). Off costs nothing; exporters are the operator's.

Names follow the two projects' conventions; every process exposes its own counters."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import propagate, trace
from prometheus_client import Counter, Gauge, Histogram

COMMANDS = Counter("parley_commands_total", "Commands handled, by type and outcome.", ["type", "outcome"])
SECONDS = Histogram("parley_command_seconds", "Time to handle a command, commit included.", ["type"])
EVENTS = Counter("parley_events_total", "Events recorded, by type.", ["type"])
REACTION_FAILURES = Counter("parley_reaction_failures_total", "Reactions that raised.", ["reaction"])
LISTENER_FAILURES = Counter("parley_listener_failures_total", "Process-local event handlers that raised.", ["listener"])
FRAMES = Counter("parley_frames_published_total", "Frames handed to the channel layer.")
FRAMES_DROPPED = Counter("parley_frames_dropped_total", "Frames not sent (the log covers them).", ["reason"])
HINTS_DROPPED = Counter("parley_hints_dropped_total", "Work hints not sent (the sweeper covers them).")
SUBSCRIPTIONS = Gauge("parley_subscriptions", "Local subscriptions of this process.")
SUBSCRIBERS_DROPPED = Counter("parley_subscribers_dropped_total", "Subscribers closed for being too slow.")
HEALED = Counter("parley_gaps_healed_total", "Gaps closed by reading the log.")
WORK = Counter("parley_work_total", "Work finished, by kind and outcome.", ["kind", "outcome"])
DELIVERIES = Counter(
    "parley_deliveries_total", "Durable deliveries, by subscriber and outcome.", ["subscriber", "outcome"]
)

QUEUED = Gauge("parley_work_open", "Work accepted and not finished, by kind and state.", ["kind", "state"])
LAG = Gauge("parley_subscriber_lag", "Events between a durable subscriber's cursor and the log's head.", ["subscriber"])
PARKED = Gauge("parley_deliveries_parked", "Parked deliveries, by subscriber.", ["subscriber"])

enabled = True
"""Whether commands are counted and timed; set from BUS_OBSERVE at start."""

_tracer = trace.get_tracer("parley.bus")
_spans = False


def enable_spans() -> None:
    """Make spans from now on; called when a tracer provider has been configured."""
    global _spans
    _spans = True


def traceparent() -> str:
    """The W3C traceparent of the current span, or nothing."""
    if not _spans:
        return ""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def span(name: str, parent: str = "", **attributes: str) -> Iterator[None]:
    """A span, joined to the trace of `parent` (a traceparent) when one is given."""
    if not _spans:
        yield
        return
    context = propagate.extract({"traceparent": parent}) if parent else None
    with _tracer.start_as_current_span(name, context=context, attributes=attributes):
        yield


class Timing:
    """How long something has taken so far."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def milliseconds(self) -> float:
        """Milliseconds since the beginning."""
        return (time.perf_counter() - self._started) * 1000


@contextmanager
def command(kind: str) -> Iterator[Timing]:
    """Count, time and trace one command."""
    timing = Timing()
    if not enabled:
        yield timing
        return
    outcome = "failed"
    try:
        with span(f"command {kind}"):
            yield timing
        outcome = "ok"
    finally:
        _counter(kind, outcome).inc()
        _histogram(kind).observe(timing.milliseconds / 1000)


def recorded(kind: str) -> None:
    """An event was recorded."""
    _events(kind).inc()


# looking a child up costs more than counting with it
_counter = cache(COMMANDS.labels)
_histogram = cache(SECONDS.labels)
_events = cache(EVENTS.labels)


def reaction_failed(name: str) -> None:
    """A reaction raised; the command went on."""
    REACTION_FAILURES.labels(name).inc()
