"""The list of sessions: sorted, narrowed, searched, changed; and what it costs."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bus.bus import bus
from bus.messages import Actor, Context
from sessions_app import commands
from sessions_app.labels import LONGEST, MOST_TAGS, labels_of
from sessions_app.models import Session
from sessions_app.pages.wanted import Wanted, page_of
from tests.story import Story, assert_replay_rebuilds_the_same_rows
from tests.web.browser import said, shown

CHANGE = "/sessions/change/"
OURS = re.compile(r"sessions_app_(session|title|message)\b")
"""What is known of models is read now and then, whatever is listed."""


def begin(user: User, title: str, **metadata: Any) -> str:
    command = commands.CreateSession(title=title, metadata=metadata)
    return str(bus.execute(command, Context(actor=Actor("user", str(user.pk)))).data["id"])


def listed(client: Client, query: str = "") -> list[str]:
    """The titles, from the top."""
    page = shown(client, f"/sessions/{query}").partition("<template")[0]
    return re.findall(r'<span class="name">([^<]*)</span>', page)


def test_pinned_ones_stand_first_then_the_newest(alice_client: Client, alice: User) -> None:
    for title, metadata in (("a", {}), ("b", {"pinned": True}), ("c", {"pinned": "true"}), ("d", {})):
        begin(alice, title, **metadata)
    assert listed(alice_client) == ["b", "d", "c", "a"]


def test_each_field_narrows_the_list(alice_client: Client, alice: User) -> None:
    begin(alice, "plain")
    begin(alice, "sorted", folder="Work & more", tags=["x", "ü"])
    begin(alice, "odd", folder=["Work & more"], tags="x")
    assert listed(alice_client, "?folder=Work+%26+more") == listed(alice_client, "?tag=%C3%BC") == ["sorted"]
    assert listed(alice_client, "?tag=x&folder=other") == []
    assert listed(alice_client, "?provider=echo&model=echo") == ["odd", "sorted", "plain"]
    assert listed(alice_client, "?model=other&show=archived") == []
    assert listed(alice_client, "?tag=%00&show=nonsense") == ["odd", "sorted", "plain"]
    assert "Take away the filter tag:" in shown(alice_client, "/sessions/?tag=x")


def test_archived_and_shared_ones_have_lists_of_their_own(
    alice_client: Client, bob_client: Client, story: Story, bob: User
) -> None:
    begin(bob, "his own")
    story.tell(commands.ShareSession, username="bob", role="editor")
    story.tell(commands.UpdateSession, title="hers", is_active=False)
    assert listed(alice_client) == []
    assert listed(alice_client, "?show=archived") == listed(bob_client, "?show=shared") == ["hers"]
    assert listed(bob_client) == ["his own"]
    leave = f"/sessions/{story.id}/leave/"
    assert bob_client.post(leave, {"next": "/sessions/?show=shared"})["Location"] == "/sessions/?show=shared"
    assert listed(bob_client, "?show=shared") == []
    assert "is not shared with you" in said(bob_client.post(leave, follow=True))


def test_an_empty_list_says_what_to_do_next(alice_client: Client, alice: User) -> None:
    pages = {shown(alice_client, f"/sessions/{query}") for query in ("", "?show=archived", "?show=shared", "?tag=x")}
    pages.add(shown(alice_client, "/sessions/?q=needle"))
    texts = {re.sub(r"\s+", " ", re.search(r'<div class="empty">(.*?)</div>', page, re.DOTALL)[1]) for page in pages}  # type: ignore[index]
    assert len(texts) == 5


def test_a_search_shows_titles_and_what_was_said(alice_client: Client, bob_client: Client, story: Story) -> None:
    story.tell(commands.UpdateSession, title="Needles & pins")
    message = story.tell(commands.AddMessage, content="a <b>needle</b> in the hay").data["id"]
    page = shown(alice_client, "/sessions/?q=needle")
    assert "<mark>Needles</mark> &amp; pins" in page
    assert "a &lt;b&gt;<mark>needle</mark>&lt;/b&gt; in the hay" in page
    assert f'href="/sessions/{story.id}/#m-{message}"' in page
    assert "<mark>" not in shown(bob_client, "/sessions/?q=needle")
    for odd in ("?q=%00", "?q=-", "?q=needle&from=nonsense", "?q=" + "x" * 500):
        shown(alice_client, f"/sessions/{odd}")


def test_a_script_is_sent_the_next_rows_alone(alice_client: Client, alice: User) -> None:
    begin(alice, "only")
    page = said(alice_client.get("/sessions/?before=x", headers={"HX-Request": "true"}))
    assert "only" in page
    assert "<main" not in page


@pytest.mark.parametrize(
    ("do", "label", "expected"),
    [
        ("pin", "", (True, "old", ["a"])),
        ("tag", " b ", (False, "old", ["a", "b"])),
        ("untag", "a", (False, "old", [])),
        ("folder", "new", (False, "new", ["a"])),
    ],
)
def test_several_are_changed_at_once(
    alice_client: Client, alice: User, do: str, label: str, expected: tuple[bool, str, list[str]]
) -> None:
    ids = [begin(alice, title, folder="old", tags=["a"], kept=1) for title in "xy"]
    answer = alice_client.post(CHANGE, {"do": do, "session": ids, "label": label, "next": "https://evil.example"})
    assert answer["Location"] == "/sessions/"
    for session in Session.objects.all():
        assert labels_of(session.metadata) == expected
        assert session.metadata["kept"] == 1
    assert "2 sessions" in shown(alice_client, "/sessions/")
    assert_replay_rebuilds_the_same_rows()


def test_archiving_is_taken_back_and_deleting_is_asked_about(alice_client: Client, alice: User) -> None:
    ident = begin(alice, "<one>")
    alice_client.post(CHANGE, {"do": f"archive:{ident}"})
    assert listed(alice_client, "?show=archived") == ["&lt;one&gt;"]
    alice_client.post(CHANGE, {"do": "unarchive", "session": ident})
    assert listed(alice_client) == ["&lt;one&gt;"]
    asked = said(alice_client.post(CHANGE, {"do": "delete", "session": ident}))
    assert "Delete this session?" in asked
    assert Session.objects.exists()
    alice_client.post(CHANGE, {"do": "delete", "session": ident, "sure": "yes"})
    assert not Session.objects.exists()
    assert "Nothing was changed" in said(alice_client.post(CHANGE, {"do": "pin", "session": ident}, follow=True))


@pytest.mark.parametrize(
    "form", [{"do": "nonsense"}, {"do": "pin"}, {"do": "pin:x"}, {"do": "tag"}, {"do": "tag", "label": "x" * 51}, {}]
)
def test_what_makes_no_sense_changes_nothing_and_says_so(alice_client: Client, alice: User, form: Any) -> None:
    session = {} if form.get("do") == "pin" else {"session": begin(alice, "kept")}
    assert "Nothing was changed" in said(alice_client.post(CHANGE, session | form, follow=True))
    assert all(not any(labels_of(session.metadata)) for session in Session.objects.all())


def test_what_is_somebody_elses_is_not_among_what_is_changed(bob_client: Client, story: Story) -> None:
    story.tell(commands.ShareSession, username="bob", role="editor")
    before = len(story.events())
    for do in ("delete", "archive", "pin"):
        answer = bob_client.post(CHANGE, {"do": do, "session": [str(story.id), str(uuid4())], "sure": "1"}, follow=True)
        assert "Nothing was changed" in said(answer)
    assert len(story.events()) == before


def test_the_form_changes_title_folder_and_tags(alice_client: Client, story: Story) -> None:
    path = f"/sessions/{story.id}/edit/"
    fields = {"title": "New", "folder": "F", "tags": "a, b,a ,", "pinned": "on"}
    assert alice_client.post(path, fields)["Location"] == "/sessions/"
    assert labels_of(Session.objects.get().metadata) == (True, "F", ["a", "b"])
    assert 'value="a, b"' in shown(alice_client, path)
    assert alice_client.post(path, {"title": "New", "archived": "on"}).status_code == 302
    session = Session.objects.get()
    assert (session.is_active, session.metadata) == (False, {})
    for wrong in (
        {"tags": "x" * (LONGEST + 1)},
        {"tags": ",".join(map(str, range(MOST_TAGS + 1)))},
        {"title": "x" * 201},
    ):
        answer = alice_client.post(path, wrong)
        assert answer.status_code == 422
        assert 'role="alert"' in said(answer)
    assert_replay_rebuilds_the_same_rows()


def test_a_list_costs_the_same_for_few_and_many(alice_client: Client, alice: User) -> None:
    costs = []
    for _ in range(2):
        for number in range(4):
            begin(alice, "s", tags=[str(number)], pinned=number == 0)
        for query in ("", "?show=shared", "?tag=1", "?q=s"):
            with CaptureQueriesContext(connection) as asked:
                shown(alice_client, f"/sessions/{query}")
            costs.append(sum(bool(OURS.search(one["sql"])) for one in asked))
    assert costs[:4] == costs[4:]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [(Wanted(), "session_pinned"), (Wanted(), "session_newest"), (Wanted(tag="x"), "session_labelled")],
)
def test_the_order_is_answered_by_an_index(alice: User, wanted: Wanted, index: str) -> None:
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as asked:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        page_of(Actor("user", str(alice.pk)), wanted, "")
        queries = [query["sql"] for query in asked.captured_queries if query["sql"].startswith("SELECT")]
        plans = []
        for query in queries:
            cursor.execute(f"EXPLAIN {query}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    assert any(index in plan for plan in plans)
    assert all("Sort" not in plan for plan in plans)
