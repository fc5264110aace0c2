"""What we do after a commit is robust: Django logs its failure by the function's name, and the caller is not hurt.

(`functools.partial` has no name: with it, Django 5.2 raised.)"""

import logging
from typing import Any, NoReturn

import pytest

from bus.log import transaction
from bus.messages import Context
from tests.bus.support import Append, Noted, Toy

pytestmark = pytest.mark.django_db(transaction=True)


def fail(*_: Any) -> NoReturn:
    raise RuntimeError("on purpose")


def test_a_listener_that_raises_after_the_commit_does_not_disturb_the_caller() -> None:
    toy = Toy()
    heard: list[str] = []
    toy.bus.on(Noted, fail)
    toy.bus.on(Noted, lambda event: heard.append(event.text))
    assert toy.note("kept").success
    assert heard == toy.texts() == ["kept"]


def test_an_announcement_that_raises_after_the_commit_does_not_disturb_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    toy = Toy()
    command = Append(session_id=toy.id, text="kept")
    decide = toy.registry.handler_for(command)
    with caplog.at_level(logging.ERROR, "django.db.backends.base"):
        result = transaction.transact(
            toy.registry, command, Context(), lambda: decide(command, Context()), announce=fail
        )
    assert result.success
    assert toy.texts() == ["kept"]
    assert [record.name for record in caplog.records] == ["django.db.backends.base"]
