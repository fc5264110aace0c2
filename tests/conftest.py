"""The people every test knows: Alice (owner), Bob (other tenant), Charlie (staff); and what all tests share."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client, TransactionTestCase

from bus.bus import bus
from bus.messages import Actor, Command, CommandResult, Context
from sessions_app import commands
from tests.emptying import empty_tables
from tests.story import Story


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> None:
    """Hashing passwords well takes half a second each, by design; tests make many people."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def _files_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests store goes away with them."""
    settings.STORAGES["artifacts"]["OPTIONS"]["location"] = str(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="session", autouse=True)
def _quickly_emptied() -> None:
    """What tests commit is taken away as quickly as it came."""
    TransactionTestCase._fixture_teardown = empty_tables  # type: ignore[attr-defined]


@pytest.fixture
def alice(db: None) -> User:
    """Owns things."""
    return get_user_model().objects.create_user("alice", password="alice-password")


@pytest.fixture
def bob(db: None) -> User:
    """Another tenant."""
    return get_user_model().objects.create_user("bob", password="bob-password")


@pytest.fixture
def charlie(db: None) -> User:
    """Staff."""
    return get_user_model().objects.create_superuser("charlie", password="charlie-password")


Execute = Callable[..., CommandResult]


@pytest.fixture
def as_alice(alice: User) -> Execute:
    """Executes commands as Alice."""

    def execute(command: Command, **context: Any) -> CommandResult:
        return bus.execute(command, Context(actor=Actor("user", str(alice.pk)), **context))

    return execute


@pytest.fixture
def story(alice: User) -> Story:
    """A session of Alice's, with helpers to add to it and to check that a replay rebuilds the same rows."""
    actor = Actor("user", str(alice.pk))
    result = bus.execute(commands.CreateSession(title="A story"), Context(actor=actor))
    return Story(result.data["id"], actor)


@pytest.fixture
def alice_client(alice: User) -> Client:
    """A browser in which Alice is logged in."""
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def bob_client(bob: User) -> Client:
    """A browser in which Bob is logged in."""
    client = Client()
    client.force_login(bob)
    return client
