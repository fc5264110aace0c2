"""The toy domain and a session, fresh for each test."""

import pytest

from bus.bus import bus
from bus.messages import SYSTEM
from sessions_app.commands import CreateSession
from tests.bus.support import Toy
from tests.story import Story


@pytest.fixture
def toy(transactional_db: None) -> Toy:
    """A durable bus with one open stream, in a database where commits are real."""
    return Toy()


@pytest.fixture
def story(db: None) -> Story:
    """A session of the system's own: no user, no password to hash."""
    return Story(bus.execute(CreateSession(title="A story")).data["id"], SYSTEM)
