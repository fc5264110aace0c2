"""Alice and Bob as callers of the REST face."""

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
