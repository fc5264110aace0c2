"""S14: the admin is no back door. Every write it offers is done here, and found in the log under the operator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Max
from django.test import Client, RequestFactory
from django.urls import reverse

from bus.models import ParkedDelivery, StoredEvent
from sessions_app import commands
from sessions_app.models import (
    Budget,
    Message,
    ModelEntry,
    Plugin,
    Prompt,
    ProviderKey,
    Retention,
    Session,
)
from tests.story import Story
from tests.web.browser import page_of, said
from tests.web.forms import filled

CONFIG = '{"provider": "echo", "model": "echo"}'
BEGINS = {"valid_from_0": "2026-01-01", "valid_from_1": "00:00:00"}
ADD: dict[Any, dict[str, Any]] = {
    Session: {"title": "Made", "metadata": "{}", "config": CONFIG},
    Message: {"role": "user", "content": '"hello"', "metadata": "{}"},
    Budget: {"scope": "user", "period": "day", "tokens": "5"},
    ModelEntry: {"provider": "openai", "model": "gpt-4", "images": "unknown", "tools": "unknown", **BEGINS},
    ProviderKey: {"provider": "openai", "base_url": "", "api_key": "sk-something"},
    Prompt: {"name": "greet", "user": "Say hello", "system": "", "description": ""},
    Retention: {"days": "30"},
    User: {"username": "erin", "password1": "correct horse 7", "password2": "correct horse 7"},
    Group: {"name": "keepers"},
}
"""What is filled in to add a row. Fields that name others (session, user) are filled in by `Operator.add`."""
CHANGE: dict[Any, dict[str, Any]] = {
    Session: {"title": "Renamed"},
    Message: {"content": '"other"'},
    Budget: {"tokens": "9"},
    ModelEntry: {"input_price": "2"},
    ProviderKey: {"api_key": "sk-another"},
    Plugin: {"enabled": []},
    Prompt: {"user": "Say good-bye"},
    Retention: {"days": "31"},
    User: {"first_name": "Erin"},
    Group: {"name": "others"},
}
FIRST = {"retry_selected": "cancel_selected", "enable_selected": "disable_selected"}
"""What must have been done before."""
PEOPLE = ("alice", "charlie", "mail-reader")


class Operator:
    """Charlie at work, in a server where there is something of everything."""

    def __init__(self, client: Client, story: Story) -> None:
        self.client, self.story = client, story
        story.tell(commands.AddMessage, content="hello", answer=True)
        story.tell(commands.ExecutePrompt, prompt="say hello")
        self.client.post(reverse("admin:new_account"), {"name": "mail-reader"})
        self.client.post(reverse("admin:new_token"), {"name": "own", "scopes": ["*"]})
        ParkedDelivery.objects.create(subscriber="memory", position=1, attempts=5, error="boom")

    def add(self, model: Any) -> Any:
        """Fill in the form for a new row."""
        owner = User.objects.get(username="alice").pk
        others: dict[Any, dict[str, Any]] = {Budget: {"user": owner}, Retention: {"user": owner}}
        others[Message] = {"session": str(self.story.id)}
        return self.client.post(page_of(model, "add/"), ADD[model] | others.get(model, {}))

    def some(self, model: Any) -> Any:
        """A row; made where there is none."""
        rows = model._default_manager.order_by("-pk")
        rows = rows.exclude(username__in=PEOPLE) if model is User else rows
        if not rows.exists() and model in ADD:
            self.add(model)
        return rows.first()

    def change(self, model: Any) -> Any:
        """Fill in the form of a row."""
        self.client.get(page_of(model))  # makes the rows of plugins
        path = page_of(model, f"{self.some(model).pk}/change/")
        return self.client.post(path, filled(self.client, path, **CHANGE[model]))

    def delete(self, model: Any) -> Any:
        """Say yes."""
        return self.client.post(page_of(model, f"{self.some(model).pk}/delete/"), {"post": "yes"})

    def act(self, model: Any, name: str) -> Any:
        """Choose an action for one row."""
        chosen = {"action": name, "_selected_action": [str(self.some(model).pk)], "post": "yes"}
        return self.client.post(page_of(model), chosen)

    def do(self, model: Any, verb: str) -> None:
        """Whatever the admin calls so."""
        verbs: dict[str, Callable[[Any], Any]] = {"add": self.add, "change": self.change, "delete": self.delete}
        answer = verbs[verb](model) if verb in verbs else self.act(model, verb)
        assert answer.status_code == 302, (model, verb, said(answer))


@pytest.fixture
def operator(charlie: User, story: Story) -> Operator:
    """Charlie."""
    client = Client()
    client.force_login(charlie)
    return Operator(client, story)


def offered(user: User) -> set[tuple[Any, str]]:
    """Every write of every model's pages, as the admin itself says."""
    request = RequestFactory().get("/admin/")
    request.user = user
    found: set[tuple[Any, str]] = set()
    for model, page in admin.site._registry.items():
        verbs = ("add", "change", "delete")
        found |= {(model, verb) for verb in verbs if getattr(page, f"has_{verb}_permission")(request)}
        found |= {(model, name) for name in page.get_actions(request)}
    return found


def test_every_write_of_the_admin_is_in_the_log_under_the_operators_name(operator: Operator, charlie: User) -> None:
    writes = offered(charlie)
    assert len(writes) > 30
    unheard = []
    for model, verb in sorted(writes, key=lambda write: (write[0].__name__, write[1])):
        with savepoint():
            if verb in FIRST:
                operator.do(model, FIRST[verb])
            elif verb != "add":
                operator.some(model)
            before = last_position()
            operator.do(model, verb)
            new = StoredEvent.objects.filter(position__gt=before, actor=f"staff:{charlie.pk}")
            if not new.exists():
                unheard.append((model.__name__, verb))
    assert unheard == []


def test_so_is_what_the_consoles_own_pages_write(operator: Operator, charlie: User) -> None:
    erin = operator.some(User) or operator.add(User)
    writes: dict[str, tuple[str, dict[str, Any]]] = {
        "token-created": (reverse("admin:new_token"), {"name": "x", "scopes": ["*"]}),
        "service-account-created": (reverse("admin:new_account"), {"name": "other"}),
        "setting-changed": (reverse("admin:redrive"), {"subscriber": "memory"}),
        "password-changed": (
            reverse("admin:auth_user_password_change", args=[operator.some(User).pk]),
            {"usable_password": "true", "password1": "battery staple 7", "password2": "battery staple 7"},
        ),
    }
    assert erin
    for kind, (path, fields) in writes.items():
        before = last_position()
        operator.client.post(path, fields)
        found = StoredEvent.objects.filter(position__gt=before)
        assert kind in found.values_list("type", flat=True)
        assert found.filter(actor=f"staff:{charlie.pk}").exists(), kind


def test_what_an_operator_changed_is_told_without_what_is_in_it(operator: Operator) -> None:
    operator.change(ProviderKey)
    event = StoredEvent.objects.filter(type="setting-changed").order_by("-position")[0]
    assert (event.data["kind"], event.data["what"]) == ("sessions_app.providerkey", "changed")
    assert event.data["fields"] == ["Key"]
    assert "sk-" not in str([one.data for one in StoredEvent.objects.filter(type="setting-changed")])


@contextmanager
def savepoint() -> Iterator[None]:
    """What is done within is undone: each write finds the same server."""
    place = transaction.savepoint()
    yield
    transaction.savepoint_rollback(place)


def last_position() -> int:
    """Where the log ends."""
    return StoredEvent.objects.aggregate(last=Max("position"))["last"] or 0
