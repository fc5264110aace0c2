"""The operator's browser; a worker."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from bus.messages import Actor
from tests.story import Story


@pytest.fixture
def staff(charlie: User) -> Client:
    """A browser in which Charlie is logged in."""
    client = Client()
    client.force_login(charlie)
    return client


@pytest.fixture
def worker(story: Story) -> Story:
    """Who does the runs of Alice's session."""
    return Story(story.id, Actor("system"))
