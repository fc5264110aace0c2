"""S8, S9: a key is encrypted at rest, shown to nobody, and goes only to the place it was saved for."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import aclosing, suppress
from types import SimpleNamespace

import pytest
from django.core import serializers
from django.db import connection
from django.test import override_settings
from pytest_django.fixtures import Settings

from sessions_app.llm import keys
from sessions_app.llm.base import Credentials, ProviderError, Request, Turn
from sessions_app.llm.providers.openai import OpenAIProvider
from sessions_app.models import ProviderKey
from sessions_app.values import Role, parts
from tests.sessions_app.providers import stand_ins
from tests.sessions_app.providers.dialects import Answer, OpenAI
from tests.sessions_app.providers.stand_ins import streams

pytestmark = pytest.mark.django_db
CANARY, AMBIENT = "sk-canary-4b1d8e77aa", "sk-ambient-95c2f013bd"
ANSWER = streams([OpenAI().stream(Answer())])


@pytest.fixture(autouse=True)
def _environment(settings: Settings) -> Iterator[None]:
    """A key in the environment, and nothing remembered."""
    settings.LLM_KEYS = {"openai": AMBIENT}
    settings.LLM_BASE_URLS = {"openai": ""}
    keys.forget()
    yield
    keys.forget()


def saved(base_url: str = "", api_key: str = CANARY) -> ProviderKey:
    """A saved key of OpenAI."""
    row = ProviderKey(provider="openai", base_url=base_url)
    keys.seal(row, api_key)
    row.save()
    keys.forget()
    return row


def answer(provider: str) -> str:
    """The key that is found, or why there is none."""
    try:
        return keys.credentials(provider).api_key
    except ProviderError as refused:
        return refused.code


async def ask(credentials: Credentials) -> None:
    """One answer with them."""
    request = Request(model="m", turns=(Turn(role=Role.USER, content=parts("hello")),))
    async with aclosing(OpenAIProvider(credentials)) as provider:
        assert [piece async for piece in provider.stream(request)]


# -- where it comes from -----------------------------------------------------------------------------------------------


def test_without_a_saved_key_the_environment_counts(settings: Settings) -> None:
    settings.LLM_BASE_URLS = {"openai": "http://localhost:11434/v1"}
    assert keys.credentials("openai") == Credentials(api_key=AMBIENT, base_url="http://localhost:11434/v1")
    assert keys.credentials("unknown") == Credentials()


def test_a_saved_key_wins_with_its_own_place(settings: Settings) -> None:
    settings.LLM_BASE_URLS = {"openai": "http://localhost:11434/v1"}
    saved()
    assert keys.credentials("openai") == Credentials(api_key=CANARY, base_url="")


def test_a_key_is_read_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(keys, "time", SimpleNamespace(monotonic=lambda: now))
    assert keys.credentials("openai").api_key == AMBIENT
    row = ProviderKey(provider="openai")
    keys.seal(row, CANARY)
    row.save()
    now += keys.REREAD_SECONDS - 0.1
    assert keys.credentials("openai").api_key == AMBIENT
    now += 0.2
    assert keys.credentials("openai").api_key == CANARY


# -- at rest -----------------------------------------------------------------------------------------------------------


def test_the_key_is_nowhere_in_the_database_or_a_dump_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    row = saved()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sessions_app_providerkey::text FROM sessions_app_providerkey")
        shown = [str(cursor.fetchall()), serializers.serialize("json", [row]), repr(row), str(row), repr(vars(row))]
    found = keys.credentials("openai")
    assert found.api_key == CANARY
    shown += [repr(found), str(found), f"{[found]}", caplog.text]
    assert "canary" not in "\n".join(shown)
    assert row.hint == "77aa"


def test_of_a_short_key_not_even_the_end_is_kept() -> None:
    assert saved(api_key="short-key").hint == ""


def test_secrets_are_changed_without_entering_the_keys_again(settings: Settings) -> None:
    settings.PROVIDER_KEY_SECRETS = ["old"]
    row = saved()
    settings.PROVIDER_KEY_SECRETS = ["new", "old"]
    assert keys.opened(row).api_key == CANARY
    keys.seal(row, CANARY)
    settings.PROVIDER_KEY_SECRETS = ["new"]
    assert keys.opened(row).api_key == CANARY


def test_a_key_that_cannot_be_read_is_not_replaced_by_another(settings: Settings) -> None:
    saved()
    settings.SECRET_KEY = "another"
    assert answer("openai") == "not-configured"


# -- where it goes -----------------------------------------------------------------------------------------------------


def test_a_row_that_was_changed_behind_our_back_opens_nothing() -> None:
    row = saved("https://own.example/v1")
    for changes in ({"base_url": "https://evil.example/v1"}, {"base_url": ""}, {"provider": "anthropic"}):
        ProviderKey.objects.filter(pk=row.pk).update(**({"provider": "openai", "base_url": row.base_url} | changes))
        keys.forget()
        assert answer(changes.get("provider", "openai")) == "not-configured"


def test_a_saved_key_reaches_its_own_server_and_no_other() -> None:
    async def serve() -> None:
        async with stand_ins.stand_in(ANSWER) as own, stand_ins.stand_in(ANSWER) as other:
            row = ProviderKey(provider="openai", base_url=f"{own.base}/v1")
            keys.seal(row, CANARY)
            with override_settings(LLM_ALLOWED_HOSTS=[own.host, other.host]):
                await ask(keys.opened(row))
                row.base_url = f"{other.base}/v1"
                with suppress(ProviderError):
                    await ask(keys.opened(row))
            assert [CANARY.encode() in visit.head for visit in own.visits] == [True]
            assert other.visits == []

    asyncio.run(asyncio.wait_for(serve(), 20))


def test_nothing_of_the_environment_goes_to_a_saved_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK itself would take keys, names and whole headers from there."""
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, AMBIENT)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"Authorization: Bearer {AMBIENT}\nX-Own: {AMBIENT}")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")

    async def serve() -> bytes:
        async with stand_ins.stand_in(ANSWER) as server:
            with override_settings(LLM_ALLOWED_HOSTS=[server.host]):
                await ask(Credentials(base_url=f"{server.base}/v1"))
            return server.visits[0].head + server.visits[0].body

    sent = asyncio.run(asyncio.wait_for(serve(), 20))
    assert b"ambient" not in sent
    assert b"stainless" not in sent.lower(), "what the SDK tells of this machine"


def test_without_a_key_and_a_place_nothing_is_sent() -> None:
    with pytest.raises(ProviderError) as refused:
        asyncio.run(ask(Credentials()))
    assert (refused.value.code, refused.value.permanent) == ("not-configured", True)
