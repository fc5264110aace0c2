"""The admin of the catalogue and the budgets: settings of the server, checked, and kept in the admin's history."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from sessions_app.llm import catalog
from sessions_app.models import Budget, BudgetUse, ModelEntry, UsageEntry
from tests.story import Story
from tests.web.browser import page_of, said

ENTRIES, BUDGETS = page_of(ModelEntry), page_of(Budget)


@pytest.fixture(autouse=True)
def _read_anew(db: None) -> Iterator[None]:
    catalog.rows.forget()
    yield
    catalog.rows.forget()


def entry(**fields: Any) -> dict[str, Any]:
    """The form of a model as a browser sends it."""
    begins = {"valid_from_0": "2026-01-01", "valid_from_1": "00:00:00"}
    return {"provider": "openai", "model": "gpt-4", "images": "unknown", "tools": "false", **begins, **fields}


def budget(**fields: Any) -> dict[str, Any]:
    return {"scope": "session", "session": "", "user": "", "period": "day", "usd": "", "tokens": "", **fields}


def test_an_operator_sets_a_price(staff: Client, charlie: User) -> None:
    assert staff.post(f"{ENTRIES}add/", entry(input_price="12.5")).headers["Location"] == ENTRIES
    row = ModelEntry.objects.get()
    assert (row.input_price, row.output_price, row.images, row.tools) == (Decimal("12.5"), None, None, False)
    assert row.valid_until is None
    known = catalog.known("openai", "gpt-4")
    assert known.prices is not None
    assert known.prices.input is not None
    assert (known.prices.input.base, known.prices.source, known.tools) == (Decimal("12.5"), "row", False)
    assert LogEntry.objects.get().user == charlie


def test_two_entries_of_one_model_at_once_are_refused_in_words(staff: Client) -> None:
    staff.post(f"{ENTRIES}add/", entry())
    answer = staff.post(f"{ENTRIES}add/", entry(valid_from_0="2026-02-01"))
    assert "Another entry of this model is valid from 2026-01-01 00:00 until it is ended." in said(answer)
    assert ModelEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"input_price": "-1"}, "greater than or equal to 0"),
        ({"input_price": "NaN"}, "Enter a number"),
        ({"valid_from_0": "never"}, "Enter a valid date"),
        ({"valid_until_0": "2025-01-01", "valid_until_1": "00:00:00"}, "model_entry_times"),
    ],
)
def test_a_form_that_makes_no_sense_is_shown_again(staff: Client, fields: dict[str, str], text: str) -> None:
    assert text in said(staff.post(f"{ENTRIES}add/", entry(**fields)))
    assert not ModelEntry.objects.exists()


def test_an_operator_limits_a_session_and_a_user(staff: Client, story: Story, alice: User) -> None:
    staff.post(f"{BUDGETS}add/", budget(session=str(story.id), tokens="1000"))
    staff.post(f"{BUDGETS}add/", budget(scope="user", user=str(alice.pk), usd="1.50", period="month"))
    first, second = Budget.objects.order_by("id")
    assert (first.session, first.user, first.period, first.usd, first.tokens) == (story.id, None, "day", None, 1000)
    assert (second.session, second.user, second.usd, second.tokens) == (None, alice, Decimal("1.5"), None)
    assert LogEntry.objects.count() == 2
    for term, shown in ((str(story.id), True), (str(uuid4()), False), ("x", False)):
        assert (str(story.id) in said(staff.get(BUDGETS, {"q": term})).replace(f'value="{term}"', "")) is shown


def test_a_budget_is_of_one_that_exists(staff: Client, story: Story, alice: User) -> None:
    wrong = [
        budget(session=str(uuid4()), tokens="1"),
        budget(scope="user", session=str(story.id)),
        budget(session=str(story.id), user=str(alice.pk)),
        budget(),
    ]
    texts = ["There is no session with this id", *["Name the session or the user"] * 3]
    for fields, text in zip(wrong, texts, strict=True):
        assert text in said(staff.post(f"{BUDGETS}add/", fields))
    assert not Budget.objects.exists()


def test_only_staff_see_them(alice_client: Client) -> None:
    for model in (ModelEntry, Budget, BudgetUse, UsageEntry):
        for rest in ("", "add/"):
            assert alice_client.get(page_of(model, rest)).headers["Location"].startswith("/admin/login/")


def test_the_lists_show_their_rows(staff: Client, story: Story) -> None:
    ModelEntry.objects.create(provider="some", model="thing", valid_from=timezone.now())
    Budget.objects.create(scope="session", session=story.id, tokens=5)
    assert "thing" in said(staff.get(ENTRIES, {"q": "thing"}))
    assert "thing" not in said(staff.get(ENTRIES, {"q": "other"})).replace('value="other"', "")
    assert f"session {story.id}, total" in said(staff.get(BUDGETS))
