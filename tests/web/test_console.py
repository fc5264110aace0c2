"""The operators' pages that are no model's: who may see them, what they show, and that they act by commands only."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bus import heartbeat
from bus.models import ParkedDelivery, StoredEvent, Work
from sessions_app import commands
from sessions_app.accounts.streams import stream_of
from sessions_app.console.pages import PAGES
from sessions_app.models import ApiToken, DailyUse, ModelEntry, Run, ServiceAccount
from tests.api.caller import Caller
from tests.flow.stack import wait_until
from tests.runs import ask
from tests.story import Story
from tests.web.browser import inline, page_of, said, shown

WRITES = {"redrive"}
OPEN = {"bus": "view_subscribercursor", "bus_part": "view_subscribercursor", "health": "view_work"}
OPEN |= {"ledger": "view_usageentry", "unpriced": "view_modelentry", "timeline": "view_storedevent"}
OPEN |= {"new_token": "add_apitoken", "new_account": "add_serviceaccount", "redrive": "change_parkeddelivery"}

Address = Callable[[str], str]


@pytest.fixture
def address(story: Story) -> Address:
    """The address of a page of the console."""
    return lambda name: reverse(f"admin:{name}", args=[story.id] if name == "timeline" else [])


@pytest.fixture
def dora(db: None) -> User:
    """An operator without any rights."""
    return User.objects.create_user("dora", is_staff=True)


def allowed(user: User, *codenames: str) -> Client:
    """The user's browser, once the user has these rights."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def test_every_page_is_for_operators_with_the_right_to_it(alice_client: Client, dora: User, address: Address) -> None:
    assert set(OPEN) == {name for _, _, name in PAGES}
    for name, codename in OPEN.items():
        ask_for = alice_client.post if name in WRITES else alice_client.get
        assert ask_for(address(name)).headers["Location"].startswith("/admin/login/"), name
        dora.user_permissions.clear()
        ask_for = (allowed(dora)).post if name in WRITES else allowed(dora).get
        assert ask_for(address(name)).status_code == 403, name
        if name not in WRITES:
            shown(allowed(dora, codename), address(name))


def test_who_may_only_look_is_offered_nothing_to_do(dora: User, story: Story) -> None:
    ParkedDelivery.objects.create(subscriber="memory", position=1, attempts=5, error="boom")
    run = ask(story)
    looks = allowed(dora, "view_subscribercursor", "view_run", "view_apitoken")
    assert "Redrive" not in shown(looks, reverse("admin:bus"))
    assert "New token" not in shown(looks, page_of(ApiToken))
    assert "cancel_selected" not in shown(looks, page_of(Run, f"{run}/change/"))
    looks.post(page_of(Run), {"action": "cancel_selected", "_selected_action": [str(run)]})
    assert Run.objects.get().state == "queued"


def test_the_first_page_costs_the_same_whatever_has_happened(staff: Client, story: Story) -> None:
    costs = []
    for _ in range(2):
        story.tell(commands.AddMessage, content="hello", answer=True)
        story.tell(commands.UpdateTokenMetrics, prompt_tokens=5)
        for query in ({}, {"span": "month"}, {"span": "odd"}):
            with CaptureQueriesContext(connection) as queries:
                page = said(staff.get("/admin/", query))
            assert page.count('class="plot"') == 6
            assert not [
                one["sql"] for one in queries if "bus_storedevent" in one["sql"] and "max(position)" not in one["sql"]
            ]
            costs.append(len(queries))
    assert costs[:3] == costs[3:]


def test_the_first_page_shows_figures_to_who_may_see_the_ledger(dora: User, story: Story) -> None:
    assert 'class="plot"' not in shown(allowed(dora), "/admin/")
    assert 'class="plot"' in shown(allowed(dora, "view_usageentry"), "/admin/")


def test_pages_cost_the_same_for_few_and_many(staff: Client, story: Story, address: Address) -> None:
    costs = []
    for round_ in range(2):
        for number in range(3):
            story.tell(commands.AddMessage, content="hello")
            ParkedDelivery.objects.create(subscriber="s", position=10 * round_ + number, attempts=5, error="boom")
        for name in sorted(set(OPEN) - WRITES):
            with CaptureQueriesContext(connection) as queries:
                assert inline(shown(staff, address(name))) == [], name
            costs.append((name, len(queries)))
    half = len(costs) // 2
    assert costs[:half] == costs[half:]


def test_a_parked_delivery_is_redriven_by_a_command(staff: Client) -> None:
    for position in (1, 2):
        ParkedDelivery.objects.create(subscriber="memory", position=position, attempts=5, error="boom")
    assert "Redrive all" in shown(staff, reverse("admin:bus"))
    staff.post(reverse("admin:redrive"), {"subscriber": "memory", "position": "2"})
    assert list(ParkedDelivery.objects.filter(redrive=True).values_list("position", flat=True)) == [2]
    staff.post(reverse("admin:redrive"), {"subscriber": "memory"})
    assert ParkedDelivery.objects.filter(redrive=True).count() == 2
    for wrong in ({}, {"subscriber": "nobody"}):
        assert staff.post(reverse("admin:redrive"), wrong).status_code == 302
    for odd in ("9" * 30, "-1", "x"):
        assert staff.post(reverse("admin:redrive"), {"subscriber": "memory", "position": odd}).status_code == 404


def test_a_run_is_cancelled_and_tried_again_on_its_page(staff: Client, story: Story, charlie: User) -> None:
    story.tell(commands.AddMessage, content="hello", answer=True)
    run = Run.objects.get().pk
    page = page_of(Run, f"{run}/change/")
    assert "cancel_selected" in shown(staff, page)
    chosen = {"_selected_action": [str(run)], "from_row": "1"}
    answer = staff.post(page_of(Run), {"action": "cancel_selected", **chosen})
    assert answer.headers["Location"] == page
    assert Run.objects.get(id=run).state == "cancelled"
    assert str(story.events()[-1].actor) == f"staff:{charlie.pk}"
    assert "retry_selected" in shown(staff, page)
    staff.post(page_of(Run), {"action": "retry_selected", **chosen})
    assert Run.objects.filter(retries=run, state="queued").exists()


def test_a_tokens_text_is_told_once(staff: Client, charlie: User) -> None:
    staff.post(reverse("admin:new_account"), {"name": "mail-reader", "description": "reads mail"})
    account = ServiceAccount.objects.get()
    fields = {"account": str(account.pk), "name": "nightly", "days": "7", "scopes": ["sessions:read"]}
    answer = staff.post(reverse("admin:new_token"), fields)
    token = ApiToken.objects.get()
    text = said(answer).partition('id="token-text">')[2].partition("<")[0]
    assert (token.user_id, token.scopes) == (account.pk, ["sessions:read"])
    assert "no-store" in answer.headers["Cache-Control"]
    assert Caller(bearer=text).get("sessions/").status_code == 200
    assert StoredEvent.objects.get(type="token-created").actor == f"staff:{charlie.pk}"
    assert text not in shown(staff, page_of(ApiToken, f"{token.pk}/change/"))


@pytest.mark.parametrize(
    "fields",
    [{}, {"name": "x"}, {"name": "x", "scopes": ["sessions:fly"]}, {"name": "x", "scopes": ["*"], "account": "99"}]
    + [{"name": "x", "scopes": ["*"], "days": days} for days in ("0", "soon", "99999")]
    + [{"name": "a\x00b", "scopes": ["*"]}],
)
def test_a_token_that_cannot_be_is_refused_in_words(staff: Client, fields: dict[str, Any]) -> None:
    assert 'role="alert"' in said(staff.post(reverse("admin:new_token"), fields))
    assert not ApiToken.objects.exists()


def test_a_session_is_shown_as_of_a_version(staff: Client, story: Story) -> None:
    story.tell(commands.UpdateSession, title="Another <b>name</b>")
    page = reverse("admin:timeline", args=[story.id])
    assert "Another &lt;b&gt;name&lt;/b&gt;" in shown(staff, page)
    before = shown(staff, f"{page}?version=1")
    assert "As it was at version 1" in before
    assert "session-updated" not in before
    for odd in ("0", "99", "-1", "x", "9" * 40, "\x00"):
        assert staff.get(page, {"version": odd}).status_code == 200


def test_a_gone_session_and_an_account_have_a_timeline_too(staff: Client, story: Story, alice: User) -> None:
    story.tell(commands.DeleteSession)
    assert "session-deleted" in shown(staff, reverse("admin:timeline", args=[story.id]))
    Caller(alice).post("tokens/", {"name": "hers", "scopes": ["*"]})
    assert "token-created" in shown(staff, reverse("admin:timeline", args=[stream_of(alice.pk)]))
    shown(staff, reverse("admin:timeline", args=[stream_of(12345)]), 404)


@pytest.mark.parametrize(
    ("words", "found"),
    [("{id}", [1, 2]), ("{second}", [1, 2]), ("{first} {id}", [1]), ("message-*", [2]), ("run-* {id}", []), ("x!", [])],
)
def test_the_log_is_searched_by_session_position_and_topic(
    staff: Client, story: Story, words: str, found: list[int]
) -> None:
    story.tell(commands.AddMessage, content="hello")
    places = [event.position for event in story.events()]
    page = said(staff.get(page_of(StoredEvent), {"q": words.format(id=story.id, first=places[0], second=places[1])}))
    assert [n + 1 for n, place in enumerate(places) if page_of(StoredEvent, f"{place}/change/") in page] == found


def test_what_failed_says_why_and_prices_have_a_history(staff: Client, db: None) -> None:
    Work.objects.create(
        id=uuid4(), kind="command", name="x", state="failed", actor="system", error={"detail": "no way"}
    )
    assert "no way" in said(staff.get(page_of(Work), {"state__exact": "failed"}))
    for year in (2024, 2025):
        begins, ends = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        row = ModelEntry.objects.create(provider="a", model="b", valid_from=begins, valid_until=ends, input_price=year)
    page = shown(staff, page_of(ModelEntry, f"{row.pk}/change/"))
    assert "2024-01-01" in page
    assert "2024" in page.partition("prices-title")[2]


def test_money_is_shown_by_user_and_model_and_what_has_no_price_is_named(staff: Client, story: Story) -> None:
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=5)
    use = DailyUse.objects.get()
    DailyUse.objects.filter(pk=use.pk).update(unpriced=3, priced=0)
    assert "alice" in shown(staff, reverse("admin:ledger"))
    assert "unknown" in shown(staff, f"{reverse('admin:ledger')}?by=model")
    assert f"{use.provider}/{use.model}" in shown(staff, reverse("admin:unpriced"))


def test_health_names_the_servers_and_the_processes(staff: Client) -> None:
    beating = heartbeat.Heartbeat("worker")
    beating.start()
    wait_until(heartbeat.processes, what="a heartbeat")
    page = shown(staff, "/admin/health/")
    beating.stop()
    assert all(name in page for name in ("PostgreSQL", "Redis", heartbeat.NAME))
    assert re.search(r'<td>worker</td>.*<td class="number">\d+</td><td class="number">0</td></tr>', page)
