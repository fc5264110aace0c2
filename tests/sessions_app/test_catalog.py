"""The catalogue: operators' rows over the provider's own knowledge over what is published; unknown stays unknown."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from pytest_django.fixtures import Settings

from bus.bus import bus
from sessions_app import commands
from sessions_app.llm import catalog
from sessions_app.llm.base import Usage
from sessions_app.llm.pricing import FREE, Rate
from sessions_app.models import ModelEntry, ProviderKey, Session
from sessions_app.values import SessionConfig

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MILLION = Usage(input_tokens=1_000_000)


@pytest.fixture(autouse=True)
def _read_anew(db: None) -> Iterator[None]:
    """No row of another test is remembered, and none of this one's."""
    catalog.rows.forget()
    yield
    catalog.rows.forget()


def entry(provider: str = "openai", model: str = "gpt-4", **fields: Any) -> ModelEntry:
    """A row, known at once."""
    made = ModelEntry.objects.create(provider=provider, model=model, **({"valid_from": NOW} | fields))
    catalog.rows.forget()
    return made


def cost(usage: Usage = MILLION, at: datetime = NOW, model: str = "gpt-4", provider: str = "openai") -> Decimal | None:
    return catalog.cost(provider, model, usage, at)


def test_a_row_says_what_it_says_and_leaves_the_rest_as_published() -> None:
    entry(input_price=Decimal("7.5"))
    assert cost() == Decimal("7.5")
    assert cost(Usage(output_tokens=1_000_000)) == 60
    prices = catalog.price_of("openai", "gpt-4", NOW)
    assert prices is not None
    assert prices.source == "row"
    assert catalog.window("openai", "gpt-4") == 8192


def test_a_row_without_prices_leaves_their_source() -> None:
    entry(max_context_window=10_000, images=False, tools=True, max_output=500, valid_from=NOW - HOUR)
    known = catalog.known("openai", "gpt-4", NOW)
    assert known.prices is not None
    assert known.prices.source == "genai-prices"
    assert (known.max_context_window, known.max_output, known.images, known.tools) == (10_000, 500, False, True)


def test_a_row_holds_from_its_beginning_until_just_before_its_end() -> None:
    entry(input_price=1, valid_from=NOW, valid_until=NOW + HOUR)
    entry(input_price=2, valid_from=NOW + HOUR)
    moment = timedelta(microseconds=1)
    asked = [NOW - moment, NOW, NOW + HOUR - moment, NOW + HOUR, NOW + 1000 * HOUR]
    assert [cost(at=at) for at in asked] == [30, 1, 1, 2, 2]


def test_a_row_makes_an_unknown_model_known() -> None:
    assert catalog.known("nobody", "unknown") == catalog.Known(
        provider="nobody",
        model="unknown",
        max_context_window=None,
        max_output=None,
        images=None,
        tools=None,
        streaming=None,
        prices=None,
    )
    entry("nobody", "unknown", input_price=Decimal("0.1"), max_context_window=999, valid_from=NOW - HOUR)
    assert cost(provider="nobody", model="unknown") == Decimal("0.1")
    assert cost(Usage(output_tokens=1), provider="nobody", model="unknown") is None
    config = SessionConfig(provider="nobody", model="unknown")
    session = bus.execute(commands.CreateSession(config=config)).data["id"]
    assert Session.objects.get(id=session).max_context_window == 999


def test_what_a_provider_gives_for_nothing_is_free_unless_a_row_says_otherwise() -> None:
    assert catalog.price_of("echo", "anything", NOW) == FREE
    assert cost(provider="echo", model="echo") == 0
    entry("echo", "echo", output_price=Decimal(3))
    used = Usage(input_tokens=5, output_tokens=1_000_000, reasoning_tokens=1_000_000)
    assert cost(used, provider="echo", model="echo") == 6


def test_dated_and_daily_prices_are_those_of_the_moment() -> None:
    assert [cost(at=datetime(2025, 6, day, tzinfo=UTC), model="o3") for day in (9, 10)] == [10, 2]
    day = [
        cost(at=datetime(2026, 1, 1, hour, tzinfo=UTC), model="deepseek-chat", provider="deepseek") for hour in (12, 20)
    ]
    assert day[0] != day[1]


def test_a_published_price_that_is_missing_is_not_guessed() -> None:
    assert cost(Usage(cache_read_tokens=1), model="gpt-4") is None
    assert cost(Usage(cache_write_tokens=1), model="gpt-4o") is None


def test_numbers_that_were_floats_are_read_as_what_they_meant() -> None:
    prices = catalog.price_of("huggingface_together", "Qwen/Qwen3-VL-8B-Instruct", NOW)
    assert prices is not None
    assert prices.input == Rate(Decimal("0.18"))


def test_rows_are_kept_for_a_moment_and_then_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("sessions_app.llm.catalog.time.monotonic", lambda: clock[0])
    assert cost() == 30
    ModelEntry.objects.create(provider="openai", model="gpt-4", valid_from=NOW, input_price=1)
    clock[0] += catalog.REREAD_SECONDS - 0.01
    assert cost() == 30
    clock[0] += 0.01
    assert cost() == 1
    assert catalog.REREAD_SECONDS <= 5


def test_asking_often_asks_the_database_once(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # the entries and the addresses
        for _ in range(100):
            cost()
            catalog.window("openai", "gpt-4o")


def test_models_named_with_their_provider_cost_what_they_cost_there() -> None:
    for name in ("google:gemini-2.5-pro", "google-gla:gemini-2.5-pro", "google-vertex:gemini-2.5-pro"):
        assert (
            cost(provider="pydantic_ai", model=name)
            == cost(provider="google", model="gemini-2.5-pro")
            == Decimal("2.5")
        )
    for name in ("gemini-2.5-pro", "google:", ":gemini-2.5-pro", "", "nobody:gpt-4"):
        assert cost(provider="pydantic_ai", model=name) is None
    assert cost(provider="openai", model="openai:gpt-4o") is None


def test_a_compatible_server_elsewhere_has_prices_of_its_own(settings: Settings) -> None:
    def asked_at(url: str) -> tuple[Decimal | None, int | None]:
        settings.LLM_BASE_URLS = {"openai": url}
        return cost(model="gpt-4o"), catalog.window("openai", "gpt-4o")

    assert asked_at("") == asked_at("https://api.openai.com/v1") == (Decimal("2.5"), 128_000)
    assert asked_at("http://localhost:11434/v1") == (None, None)
    ProviderKey.objects.create(provider="openai", base_url="", secret="-")
    catalog.rows.forget()
    assert asked_at("http://localhost:11434/v1") == (Decimal("2.5"), 128_000)
    ProviderKey.objects.update(base_url="http://localhost:11434/v1")
    catalog.rows.forget()
    assert asked_at("") == (None, None)


def test_the_models_of_a_provider_are_those_something_is_known_of() -> None:
    entry("echo", "shout")
    assert catalog.models_of("echo") == ["echo", "shout"]
    assert {"gpt-4", "gpt-4o"} <= set(catalog.models_of("openai"))
    assert catalog.models_of("nobody") == []


OVERLAPS = [(0, None), (-1, None), (5, None), (-5, 1), (1, 2), (9, 10), (-5, 20)]
APART = [(-5, 0), (10, None), (10, 12)]


def times(begin: int, end: int | None) -> dict[str, Any]:
    return {"valid_from": NOW + begin * HOUR, "valid_until": None if end is None else NOW + end * HOUR}


@pytest.mark.parametrize(("begin", "end"), OVERLAPS)
def test_two_rows_of_one_model_never_hold_at_once(begin: int, end: int | None) -> None:
    entry(**times(0, 10))
    second = ModelEntry(provider="openai", model="gpt-4", **times(begin, end))
    with pytest.raises(ValidationError, match="Another entry of this model"):
        second.full_clean()
    with pytest.raises(IntegrityError, match="model_entry_one_at_a_time"), transaction.atomic():
        second.save()


@pytest.mark.parametrize(("begin", "end"), APART)
def test_rows_may_follow_one_another(begin: int, end: int | None) -> None:
    first = entry(**times(0, 10))
    first.full_clean()
    second = ModelEntry(provider="openai", model="gpt-4", **times(begin, end))
    second.full_clean()
    second.save()


def test_rows_of_other_models_do_not_matter() -> None:
    entry("a", "b/c")
    for provider, model in (("a", "b"), ("a/b", "c"), ("A", "b/c")):
        entry(provider, model).full_clean()


def test_a_row_ends_after_it_began_and_prices_are_not_negative() -> None:
    with pytest.raises(ValidationError, match="model_entry_times"):
        ModelEntry(provider="a", model="b", valid_from=NOW, valid_until=NOW).full_clean()
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        ModelEntry(provider="a", model="b", input_price=Decimal(-1)).full_clean()
