"""The admin page of keys: they are typed in and never come back, and another address needs them again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from sessions_app.llm import keys
from sessions_app.llm.base import Credentials
from sessions_app.models import ProviderKey

PAGE = "/admin/sessions_app/providerkey/"
CANARY, SECOND = "sk-canary-4b1d8e77aa", "sk-canary-second-0c0c"
NEW = {"provider": "openai", "base_url": "", "api_key": CANARY}


@pytest.fixture
def staff(charlie: User) -> Iterator[Client]:
    """A browser in which Charlie is logged in."""
    client = Client()
    client.force_login(charlie)
    keys.forget()
    yield client
    keys.forget()


@pytest.fixture
def row(staff: Client) -> ProviderKey:
    """A saved key."""
    assert staff.post(f"{PAGE}add/", NEW).status_code == 302
    return ProviderKey.objects.get()


def change(staff: Client, row: ProviderKey, **changes: str) -> str:
    """What the page says to a change; empty when it is done."""
    fields = {"provider": row.provider, "base_url": row.base_url, "api_key": ""}
    response = staff.post(f"{PAGE}{row.pk}/change/", fields | changes)
    return "" if response.status_code == 302 else response.content.decode()


def test_a_key_is_saved_and_used(row: ProviderKey) -> None:
    assert keys.credentials("openai") == Credentials(api_key=CANARY)
    assert row.hint == "77aa"


def test_a_key_is_on_no_page_and_in_no_history(staff: Client, row: ProviderKey) -> None:
    assert change(staff, row, api_key=SECOND) == ""
    pages = [PAGE, f"{PAGE}{row.pk}/change/", f"{PAGE}{row.pk}/history/", f"{PAGE}{row.pk}/delete/", "/admin/"]
    texts = [staff.get(page).content.decode() for page in pages]
    texts.append(change(staff, row, api_key=f"{CANARY} with a space"))
    texts += [f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all()]
    assert all(texts)
    assert "canary" not in "\n".join(texts)
    assert ProviderKey.objects.get().secret not in "\n".join(texts)
    assert "…0c0c" in texts[0]


def test_who_changed_it_is_in_the_history(staff: Client, row: ProviderKey, charlie: User) -> None:
    assert change(staff, row, api_key=SECOND) == ""
    assert [(entry.user, entry.action_flag) for entry in LogEntry.objects.order_by("id")] == [
        (charlie, 1),
        (charlie, 2),
    ]
    assert "Key" in LogEntry.objects.order_by("id").last().change_message  # type: ignore[union-attr]


def test_an_empty_field_keeps_the_key(staff: Client, row: ProviderKey) -> None:
    assert change(staff, row) == ""
    assert keys.credentials("openai") == Credentials(api_key=CANARY)


def test_another_place_needs_the_key_again(staff: Client, row: ProviderKey) -> None:
    for changes in ({"base_url": "https://other.example/v1"}, {"provider": "anthropic"}):
        assert "Enter the key again" in change(staff, row, **changes)
        assert keys.credentials("openai") == Credentials(api_key=CANARY)
    assert change(staff, row, base_url="https://other.example/v1/", api_key=SECOND) == ""
    assert keys.credentials("openai") == Credentials(api_key=SECOND, base_url="https://other.example/v1")


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.example.org", "https://127.0.0.1/v1", "https://169.254.169.254", "https://2130706433", "ftp://x"),
        *("https://user:word@api.example.org", "https://api.example.org/?key=x", "https://[::1]", "api.example.org"),
    ],
)
def test_an_address_the_server_may_not_use_is_refused(staff: Client, db: None, url: str) -> None:
    response = staff.post(f"{PAGE}add/", NEW | {"base_url": url})
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert not ProviderKey.objects.exists()


def test_a_model_server_the_operator_named_needs_no_key(staff: Client, settings: Settings) -> None:
    settings.LLM_ALLOWED_HOSTS = ["localhost:11434"]
    fields = {"provider": "openai", "base_url": "http://localhost:11434/v1", "api_key": ""}
    assert staff.post(f"{PAGE}add/", fields).status_code == 302
    assert keys.credentials("openai") == Credentials(base_url="http://localhost:11434/v1")


@pytest.mark.parametrize(
    "changes", [{"api_key": ""}, {"api_key": "a b"}, {"api_key": "a\r\nX: y"}, {"provider": "echo"}]
)
def test_what_is_no_key_is_refused(staff: Client, db: None, changes: dict[str, Any]) -> None:
    assert staff.post(f"{PAGE}add/", NEW | changes).status_code == 200
    assert not ProviderKey.objects.exists()


def test_a_removed_key_is_used_no_longer(staff: Client, row: ProviderKey, settings: Settings) -> None:
    settings.LLM_KEYS = {"openai": "from the environment"}
    assert keys.credentials("openai").api_key == CANARY
    assert staff.post(f"{PAGE}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert keys.credentials("openai").api_key == "from the environment"


def test_the_page_is_for_operators(alice_client: Client, db: None) -> None:
    for page in (PAGE, f"{PAGE}add/"):
        assert alice_client.get(page).status_code == 302
    assert alice_client.post(f"{PAGE}add/", NEW).status_code == 302
    assert not ProviderKey.objects.exists()
