"""A client for Parley: sessions, messages, runs, and their events as they happen.

async with Parley("https://parley.example.org", token="parley_…") as parley:
    session = await parley.create_session(title="From a program")
    run = await session.ask("hello")
    async for event in session.follow(after=0):
        print(event.version, event.type, event.data)
"""

from parley_client.client import Parley
from parley_client.errors import Disconnected, LogRestored, ParleyError, RunFailed
from parley_client.events import Event, Notice
from parley_client.session import Run, Session

__all__ = ["Disconnected", "Event", "LogRestored", "Notice", "Parley", "ParleyError", "Run", "RunFailed", "Session"]
