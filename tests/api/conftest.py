"""Alice, Bob and Charlie as callers of the REST face, a stranger, and a session of Alice's."""

import pytest
from django.contrib.auth.models import User

from tests.api.caller import Caller


@pytest.fixture
def api(alice: User) -> Caller:
    """Alice, the owner."""
    return Caller(alice)


@pytest.fixture
def bob_api(bob: User) -> Caller:
    """Bob, another tenant."""
    return Caller(bob)


@pytest.fixture
def charlie_api(charlie: User) -> Caller:
    """Charlie, staff."""
    return Caller(charlie)


@pytest.fixture
def stranger_api(db: None) -> Caller:
    """Nobody known."""
    return Caller()


@pytest.fixture
def session(api: Caller) -> str:
    """The id of a session of Alice's, at version 1."""
    return api.session(title="A session", metadata={"project": {"name": "parley", "stage": 1}})
