"""The operator's browser."""

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def staff(charlie: User) -> Client:
    """A browser in which Charlie is logged in."""
    client = Client()
    client.force_login(charlie)
    return client
