"""The floor of h: the same runs, each requested in the transaction in which the one before it ends, without a graph.

A plugin of the benchmark's workers. A run whose metadata says `left: [n, …]` is followed by one run for each number,
which says `left: [n - 1]`; for 0 by none."""

from collections.abc import Iterator
from typing import Any

from bus.messages import Envelope, Event, uuid7
from bus.registry import reacts_to
from sessions_app.events import ConversationStarted, MessageAdded, RunCompleted, RunRequested
from sessions_app.models import Run
from sessions_app.values import Role, parts


@reacts_to(RunCompleted)
def follow(event: RunCompleted, envelope: Envelope) -> Iterator[Event]:
    """The next runs, each in a conversation of its own, as those of nodes are."""
    run = Run.objects.get(id=event.run_id)
    for left in run.metadata.get("left", ()):
        if left:
            yield from _begun(run, {"left": [left - 1]})


def _begun(run: Run, about: dict[str, Any]) -> Iterator[Event]:
    conversation = uuid7()
    content = parts("do it")
    yield ConversationStarted(conversation_id=conversation, name="floor", metadata=about)
    yield MessageAdded(message_id=uuid7(), conversation_id=conversation, role=Role.USER, content=content, metadata={})
    yield RunRequested(
        run_id=uuid7(), conversation_id=conversation, provider=run.provider, model=run.model, tokens=10, metadata=about
    )
