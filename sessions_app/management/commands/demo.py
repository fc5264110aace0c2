"""Document 003's demo, told by our bus: a session, two messages, two counts of tokens, and what was heard of it."""

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand

from bus.bus import bus
from bus.messages import Command as BusCommand
from bus.messages import CommandResult, Event
from sessions_app import commands, events
from sessions_app.values import Role, SessionConfig

CONFIG = SessionConfig(provider="openai", model="gpt-4", system_prompt="You are a helpful assistant.")
QUESTION = "Hello, can you help me with a coding question?"
ANSWER = "Of course! I'd be happy to help with your coding question. What would you like to know?"


class Command(BaseCommand):
    help = "Create a session, add messages, count tokens, and print every event (the demo of document 003)."

    def handle(self, *args: Any, **options: Any) -> None:
        self.heard: list[Event] = []
        ends = [
            bus.on(events.SessionCreated, self._created),
            bus.on(events.MessageAdded, self._added),
            bus.on(events.TokenMetricsUpdated, self._counted),
            bus.on(events.ContextWindowCritical, self._critical),
        ]
        try:
            self._tell()
        finally:
            for end in ends:
                end()

    def _tell(self) -> None:
        session = self._do("Creating session...", commands.CreateSession(config=CONFIG)).data["id"]
        self._say(f"Session created with ID: {session}")
        question = commands.AddMessage(session_id=session, content=QUESTION)
        self._do("Adding user message...", question)
        answer = commands.AddMessage(session_id=session, content=ANSWER, role=Role.ASSISTANT)
        self._do("Adding assistant message...", answer)
        used = commands.UpdateTokenMetrics(session_id=session, prompt_tokens=50, completion_tokens=80)
        self._do("Updating token metrics...", used)
        nearly_full = commands.UpdateTokenMetrics(session_id=session, prompt_tokens=7000)
        self._do("Updating token metrics to trigger critical event...", nearly_full)
        listed = self._do("Listing sessions...", commands.ListSessions()).data
        self._say(f"Found {len(listed)} sessions")
        self._say(json.dumps(listed, indent=2))
        self._summarise()

    def _do(self, announcement: str, command: BusCommand) -> CommandResult:
        self._say(announcement)
        return bus.execute(command)

    def _summarise(self) -> None:
        self._say("\nEvent Summary:")
        self._say(f"Total events: {len(self.heard)}")
        self._say("Event counts by type:")
        for kind, count in Counter(event.type for event in self.heard).items():
            self._say(f"  {kind}: {count}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)

    def _hear(self, event: Event, line: str) -> None:
        self._say(f"[Event] {line}")
        self.heard.append(event)

    def _created(self, event: events.SessionCreated) -> None:
        self._hear(event, f"Session created: {event.session_id}")

    def _added(self, event: events.MessageAdded) -> None:
        self._hear(event, f"Message added: {event.role}")

    def _counted(self, event: events.TokenMetricsUpdated) -> None:
        self._hear(event, f"Token metrics updated: {event.metrics.total_tokens} tokens total")

    def _critical(self, event: events.ContextWindowCritical) -> None:
        self._hear(event, f"Context window critical: {event.utilization:.0%} full")
