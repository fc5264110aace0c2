"""The admin's lists: never counted whole, found by id; what is only read cannot be written."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bus.admin import MOST, BoundedPaginator, ByCommand, ReadOnly
from bus.bus import bus
from bus.models import ParkedDelivery, StoredEvent, Stream, SubscriberCursor, Work
from sessions_app import commands
from sessions_app.erasure.counting import TOKENS
from sessions_app.models import (
    ApiToken,
    Artifact,
    Budget,
    BudgetUse,
    Graph,
    Memory,
    Message,
    ModelEntry,
    PastUsage,
    Plugin,
    Prompt,
    ProviderKey,
    Removed,
    Retention,
    Run,
    ServiceAccount,
    Session,
    UsageEntry,
)
from tests.story import Story
from tests.web.browser import page_of, said

READ_ONLY = (
    StoredEvent,
    Stream,
    Work,
    SubscriberCursor,
    ParkedDelivery,
    Run,
    UsageEntry,
    BudgetUse,
    Memory,
    Artifact,
    ApiToken,
    ServiceAccount,
    Removed,
    PastUsage,
    Graph,
)
BY_HAND = {Budget, ModelEntry, ProviderKey, Plugin, Prompt, Retention}
"""Settings of the server, not events of a session."""
SESSIONS, MESSAGES = page_of(Session), page_of(Message)


@pytest.fixture
def queries() -> Iterator[CaptureQueriesContext]:
    """What was asked of the database."""
    with CaptureQueriesContext(connection) as captured:
        yield captured


def test_lists_cost_the_same_for_few_and_many(staff: Client, story: Story, queries: CaptureQueriesContext) -> None:
    costs = []
    for _ in range(2):
        for _ in range(5):
            story.tell(commands.AddMessage, content="hello", answer=True)
        before = len(queries)
        for model in (Session, Message, *READ_ONLY):
            assert staff.get(page_of(model)).status_code == 200
        costs.append(len(queries) - before)
    assert costs[0] == costs[1]


def test_no_list_counts_everything(staff: Client, story: Story, queries: CaptureQueriesContext) -> None:
    for model in (Session, Message, *READ_ONLY):
        staff.get(page_of(model))
        staff.get(page_of(model), {"_facets": "True"})
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()]
    assert counts
    assert all(f"LIMIT {MOST}" in sql for sql in counts)
    assert not [query["sql"] for query in queries if "DISTINCT" in query["sql"] and "storedevent" in query["sql"]]


def test_a_count_stops_at_its_bound(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        story.tell(commands.AddMessage, content="hello")
    monkeypatch.setattr("bus.admin.MOST", 3)
    assert BoundedPaginator(StoredEvent.objects.order_by("-position"), 2).num_pages == 2


def test_sessions_are_found_by_id_title_and_owner(staff: Client, story: Story) -> None:
    for term in (str(story.id), "stor", "alice", f" {str(story.id).upper()} "):
        assert "A story" in said(staff.get(SESSIONS, {"q": term}))
    for term in ("nothing", "00000000-0000-0000-0000-000000000000", "ali"):
        assert "A story" not in said(staff.get(SESSIONS, {"q": term}))


def test_the_log_is_found_by_session_and_by_type(staff: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="hello")
    position = StoredEvent.objects.get(type="message-added").position
    row = f"{page_of(StoredEvent)}{position}/change/"
    for query in ({"q": str(story.id)}, {"type": "message-added"}, {}):
        assert row in said(staff.get(page_of(StoredEvent), query))
    for query in ({"q": "hello"}, {"q": "00000000-0000-0000-0000-000000000000"}, {"type": "session-created"}):
        assert row not in said(staff.get(page_of(StoredEvent), query))


def test_messages_show_how_they_begin(staff: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="<i>" + "long " * 100)
    page = said(staff.get(MESSAGES))
    assert "&lt;i&gt;long long" in page
    assert len(re.findall("long", page)) < 20


# -- reading only ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_is_only_read_cannot_be_written(staff: Client, story: Story, model: type[Any]) -> None:
    story.tell(commands.AddMessage, content="hello", answer=True)
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=1)
    story.tell(commands.StoreArtifact, name="x", data=1)
    budget = Budget.objects.create(scope="session", session=story.id, tokens=1)
    BudgetUse.objects.create(budget=budget, starts=date(2026, 1, 1))
    Removed.objects.create(id=story.id)
    PastUsage.objects.create(id=story.id, day=date(2026, 1, 1), **dict.fromkeys(TOKENS, 1))
    SubscriberCursor.objects.create(name="someone")
    ParkedDelivery.objects.create(subscriber="someone", position=1, attempts=5, error="boom")
    Memory.objects.create(id=story.id, session=story.id, owner=1, text="hello", said_at=datetime.now(UTC))
    account = bus.execute(commands.CreateServiceAccount(name="program")).data["id"]
    bus.execute(commands.CreateToken(name="x", scopes=["*"], user_id=account))
    story.tell(commands.ExecutePrompt, prompt="say hello")
    row = model._default_manager.first()
    assert row is not None
    assert staff.get(page_of(model, f"{row.pk}/change/")).status_code == 200
    for rest in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
        assert staff.post(page_of(model, rest), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    staff.post(page_of(model), chosen)
    assert model._default_manager.filter(pk=row.pk).exists()


def test_parked_deliveries_are_redriven_by_a_command(staff: Client) -> None:
    for position in (1, 2):
        ParkedDelivery.objects.create(subscriber="someone", position=position, attempts=5, error="boom")
    first, second = ParkedDelivery.objects.order_by("position")
    chosen = {"action": "redrive_selected", "_selected_action": [str(first.pk)]}
    assert "1 will be tried again" in said(staff.post(page_of(ParkedDelivery), chosen, follow=True))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.redrive, second.redrive) == (True, False)


def test_only_who_might_change_a_delivery_may_redrive_it(client: Client, db: None) -> None:
    looker = User.objects.create_user("dora", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_parkeddelivery"))
    ParkedDelivery.objects.create(subscriber="someone", position=1, attempts=5, error="boom")
    client.force_login(looker)
    chosen = {"action": "redrive_selected", "_selected_action": [str(ParkedDelivery.objects.get().pk)]}
    client.post(page_of(ParkedDelivery), chosen)
    assert not ParkedDelivery.objects.get().redrive


def test_the_admin_is_for_staff(alice_client: Client, story: Story) -> None:
    for model in (Session, Message, *READ_ONLY):
        assert alice_client.get(page_of(model)).headers["Location"].startswith("/admin/login/")


def test_every_model_one_can_write_is_written_by_commands() -> None:
    ours = {m: page for m, page in admin.site._registry.items() if m._meta.app_label in ("bus", "sessions_app")}
    assert set(ours) == {Session, Message, *READ_ONLY, *BY_HAND}
    assert {model for model, page in ours.items() if not isinstance(page, ByCommand | ReadOnly)} == BY_HAND
