"""The form that begins a session: providers, models, tools."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from config import answers
from sessions_app import forms
from sessions_app.llm import catalog, keys, tools
from sessions_app.models import ProviderKey, Session
from tests.web.browser import shown

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keyless(settings: Settings) -> Iterator[None]:
    """Nothing of the environment the tests run in."""
    settings.LLM_KEYS = settings.LLM_BASE_URLS = {"openai": "", "anthropic": ""}
    settings.DEFAULT_MODEL = ""
    catalog.rows.forget()
    yield
    catalog.rows.forget()


def offered(page: str) -> list[str]:
    """The providers in the order in which they are offered."""
    return re.findall(r"<option value=\"(\w+)\"[^>]*>\w+(?: \(no key\))?</option>", page.partition("</select>")[0])


def test_without_a_key_a_session_begins_with_echo(alice_client: Client) -> None:
    page = shown(alice_client, "/sessions/")
    assert '<option value="echo" selected>echo</option>' in page
    assert '<option value="openai">openai (no key)</option>' in page
    assert offered(page)[0] == "echo"
    assert re.search(r'<input type="text" name="model" value="echo"[^>]* list="models-echo"', page)
    assert "<details>" in page


def test_those_that_can_be_asked_come_first(alice_client: Client, settings: Settings) -> None:
    row = ProviderKey(provider="anthropic")
    keys.seal(row, "sk-secret-of-the-test")
    row.save()
    page = shown(alice_client, "/sessions/")
    assert offered(page) == ["echo", "anthropic", "openai", "pydantic_ai"]
    assert "sk-secret" not in page
    settings.LLM_BASE_URLS = {"openai": "http://localhost:11434/v1"}
    assert offered(shown(alice_client, "/sessions/")) == ["echo", "openai", "anthropic", "pydantic_ai"]


@pytest.mark.parametrize("known", ["LLM_KEYS", "LLM_BASE_URLS"])
def test_with_openai_at_hand_the_model_is_asked_for(alice_client: Client, settings: Settings, known: str) -> None:
    setattr(settings, known, {"openai": "http://localhost:11434/v1"})
    page = shown(alice_client, "/sessions/")
    assert '<option value="openai" selected>openai</option>' in page
    assert re.search(r'<input type="text" name="model" maxlength="100"[^>]* list="models-openai"', page)
    assert "<details open>" in page
    assert " required" not in page
    assert alice_client.post("/sessions/", {"provider": "openai", "model": ""}).status_code == 422


def test_the_operator_says_what_a_session_begins_with(alice_client: Client, settings: Settings) -> None:
    settings.DEFAULT_MODEL = "openai:llama3:8b"
    page = shown(alice_client, "/sessions/")
    assert '<option value="openai" selected>' in page
    assert 'name="model" value="llama3:8b"' in page


def test_a_default_model_without_its_provider_is_refused() -> None:
    assert answers.model_problem("openai:gpt-4o-mini") == ""
    assert answers.model_problem("") == ""
    for wrong in ("gpt-4o-mini", "nobody:gpt", "openai:"):
        assert wrong in answers.model_problem(wrong)


def test_each_provider_names_the_models_it_is_known_to_have(alice_client: Client) -> None:
    page = shown(alice_client, "/sessions/")
    for name in catalog.providers():
        found = re.search(rf'<datalist id="models-{name}">(.*?)</datalist>', page)
        assert found is not None
        assert re.findall(r'value="([^"]+)"', found[1]) == catalog.models_of(name)


def test_tools_are_chosen_by_name(alice_client: Client, alice: User) -> None:
    page = shown(alice_client, "/sessions/")
    assert set(re.findall(r'type="checkbox" name="tools" value="(\w+)"', page)) == set(tools.default.tools)
    assert "calculator: " in page
    assert " checked" not in page
    fields = {"provider": "echo", "model": "echo", "tools": ["clock", "calculator"]}
    assert alice_client.post("/sessions/", fields).status_code == 302
    assert Session.objects.get().config["tools"] == ["clock", "calculator"]
    assert alice_client.post("/sessions/", {**fields, "tools": ["teleport"]}).status_code == 422
    assert Session.objects.count() == 1


def test_a_tool_that_asks_first_says_so() -> None:
    tools.default.tool(name="guarded", approval=True)(lambda: "")
    try:
        labels = dict(forms.NewSession().fields["tools"].choices)  # type: ignore[attr-defined]
    finally:
        del tools.default.tools["guarded"]
    assert labels["guarded"].endswith("(asks you first)")
    assert "asks" not in labels["clock"]
