"""What follows within the same transaction: an answer that was asked for becomes work for a worker.

A reaction and not a projection: a replay rebuilds rows, it must not ask a model again."""

from bus.messages import Context, Envelope
from bus.registry import reacts_to
from bus.work import queue
from sessions_app.events import RunRequested
from sessions_app.llm import engine


@reacts_to(RunRequested, required=True)
def queue_run(event: RunRequested, envelope: Envelope) -> None:
    """The run's work row, under the run's id."""
    context = Context(actor=envelope.actor, correlation_id=envelope.correlation_id)
    queue.add(engine.KIND, event.run_id, event.model, context, session=envelope.session_id)
