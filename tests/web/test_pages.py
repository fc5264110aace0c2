"""The browser's pages: who sees what, what they contain, what they do."""

import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bus.bus import bus
from bus.messages import Actor, Context, uuid7
from sessions_app import commands
from sessions_app.login_link import make_link
from sessions_app.models import Message, Run, Session
from sessions_app.pages.wanted import SESSIONS
from sessions_app.pages.windows import MESSAGES
from sessions_app.switches import switches
from sessions_app.values import ImagePart, Role, SessionConfig, TextPart, ToolCallPart, ToolResultPart
from tests.story import Story, assert_replay_rebuilds_the_same_rows
from tests.web.browser import path_of, shown

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "0198aaaa-0000-7000-8000-000000000000"


# -- the list ----------------------------------------------------------------------------------------------------------


def test_the_root_leads_to_the_list(alice_client: Client) -> None:
    response = alice_client.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "/sessions/")


@pytest.mark.parametrize("path", ["/sessions/", f"/sessions/{NOBODY}/"])
def test_pages_ask_strangers_to_log_in(client: Client, db: None, path: str) -> None:
    for response in (client.get(path), client.post(path, {"title": "mine", "content": "hello"})):
        assert (response.status_code, response.headers["Location"]) == (302, f"/login/?next={path}")
    assert not Session.objects.exists()


def test_a_new_session_begins_with_the_form(alice_client: Client, alice: User) -> None:
    fields = {"title": "<b>Plans</b>", "provider": "echo", "model": "echo", "system_prompt": "Be brief."}
    response = alice_client.post("/sessions/", fields)
    session = Session.objects.get()
    assert (session.title, session.owner, session.config["system_prompt"]) == ("<b>Plans</b>", alice, "Be brief.")
    assert response.headers["Location"] == f"/sessions/{session.id}/"
    assert "&lt;b&gt;Plans&lt;/b&gt;" in shown(alice_client, "/sessions/")
    assert_replay_rebuilds_the_same_rows()


def test_a_refused_form_says_why_and_begins_nothing(alice_client: Client) -> None:
    for fields in ({"title": "x" * 201, "provider": "echo", "model": "echo"}, {"provider": "no such", "model": "echo"}):
        response = alice_client.post("/sessions/", fields)
        assert response.status_code == 422
        assert 'role="alert"' in response.content.decode()
    assert not Session.objects.exists()


def test_the_list_turns_pages_without_losing_or_repeating(
    alice_client: Client, alice: User, story: Story, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(SESSIONS):
        bus.execute(commands.CreateSession(), Context(actor=Actor("user", str(alice.pk))))
    shown(alice_client, "/sessions/")  # reads what is known of models, for a while
    # login session, user, saved keys, pinned, rows, choices, labels; perhaps models and addresses again
    with django_assert_max_num_queries(9):
        first = shown(alice_client, "/sessions/")
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older is not None
    second = shown(alice_client, f"/sessions/{older[1]}")
    lists = [page.partition("<template")[0] for page in (first, second)]  # in it stands the row of no session
    ids = [UUID(found) for page in lists for found in re.findall(r'<a href="/sessions/([0-9a-f-]{36})/">', page)]
    newest_first = Session.objects.order_by("-updated_at", "-id").values_list("id", flat=True)
    assert ids == list(newest_first)
    assert ids[-1] == story.id
    assert 'rel="next"' not in second


@pytest.mark.parametrize("before", ["nonsense", f"2026-01-01T00:00:00~{NOBODY}", "~", "\x00~x", "9" * 5000])
def test_a_key_that_is_none_of_ours_shows_the_first_page(alice_client: Client, story: Story, before: str) -> None:
    response = alice_client.get("/sessions/", {"before": before})
    assert str(story.id) in response.content.decode()


def test_the_list_holds_ones_own_sessions_only(bob_client: Client, story: Story) -> None:
    assert str(story.id) not in shown(bob_client, "/sessions/")


# -- one session -------------------------------------------------------------------------------------------------------


def test_the_page_names_the_version_it_shows_and_where_things_are(alice_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="hello")
    page = shown(alice_client, f"/sessions/{story.id}/")
    assert f'data-session="{story.id}" data-version="2" data-live="true"' in page
    assert f'data-messages-url="/api/v1/sessions/{story.id}/messages/"' in page
    assert 'role="log"' in page
    assert 'role="status"' in page


def test_the_version_is_read_before_the_messages(
    alice_client: Client, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Message.objects.filter

    def filter_late(*args: object, **kwargs: object) -> object:
        monkeypatch.setattr(Message.objects, "filter", read)
        story.tell(commands.AddMessage, content="said while the page was made")
        return read(*args, **kwargs)

    monkeypatch.setattr(Message.objects, "filter", filter_late)
    page = shown(alice_client, f"/sessions/{story.id}/")
    assert 'data-version="1"' in page
    assert "said while the page was made" in page  # and it comes again by the socket, which drops it by its id


def test_text_is_shown_to_the_character(alice_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="\n <script>alert('é & 👩‍👩‍👧')</script>\r\nend ")
    page = shown(alice_client, f"/sessions/{story.id}/")
    escaped = "\n &lt;script&gt;alert(&#x27;é &amp; 👩‍👩‍👧&#x27;)&lt;/script&gt;&#13;\nend "
    assert f'<div class="text">{escaped}</div>' in page


def test_parts_that_are_no_text_are_shown_labelled(alice_client: Client, story: Story) -> None:
    call = ToolCallPart(tool_call_id="c1", name="<look>", args={"b": [1], "a": "ü"})
    image = ImagePart(url="https://example.org/cat.png", alt_text="a cat")
    story.tell(commands.AddMessage, role=Role.ASSISTANT, content=[TextPart(text="well"), image], tool_calls=[call])
    result = ToolResultPart(tool_call_id="c1", content="found")
    story.tell(commands.AddMessage, role=Role.TOOL, content=[result], tool_call_id="c1")
    page = shown(alice_client, f"/sessions/{story.id}/")
    link = '<a class="picture" href="https://example.org/cat.png" target="_blank" rel="noopener noreferrer nofollow">'
    assert f'<span class="label">image</span>{link}Picture from example.org: a cat</a>' in page
    assert '<span class="label">tool call: &lt;look&gt;</span>' in page
    assert page.index("&quot;a&quot;") < page.index("&quot;ü&quot;") < page.index("&quot;b&quot;")
    assert '<span class="label">tool result</span><pre class="text" tabindex="0">found</pre>' in page
    assert "<img" not in page


def test_the_end_is_shown_and_the_beginning_can_be_reached(
    alice_client: Client, story: Story, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(MESSAGES + 5):
        story.tell(commands.AddMessage, content=f"saying {number}.")
    switches.off("any")  # looks at most once a second
    # login session, user, session, conversation, messages, runs, branches, queue, shares, artifacts
    with django_assert_num_queries(10):
        page = shown(alice_client, f"/sessions/{story.id}/")
    said = re.findall(r"saying \d+\.", page)
    assert said == [f"saying {number}." for number in range(5, MESSAGES + 5)]
    earlier = re.search(r'href="(\?before=\d+)"', page)
    assert earlier is not None
    page = shown(alice_client, f"/sessions/{story.id}/{earlier[1]}")
    assert re.findall(r"saying \d+\.", page) == [f"saying {number}." for number in range(5)]
    assert 'data-live="false"' in page
    assert "<textarea" not in page


@pytest.mark.parametrize("before", ["-1", "x", "²", "9" * 30, ""])
def test_a_position_that_is_none_shows_the_end(alice_client: Client, story: Story, before: str) -> None:
    response = alice_client.get(f"/sessions/{story.id}/", {"before": before})
    assert 'data-live="true"' in response.content.decode()


def test_other_conversations_stay_out_of_the_main_one(alice_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="in main")
    message = Message.objects.get()
    aside = message.session.conversations.create(id=uuid7(), name="aside", created_at=message.created_at)
    story.tell(commands.AddMessage, content="an aside", conversation_id=aside.id)
    log = shown(alice_client, f"/sessions/{story.id}/").split('role="log"')[1]
    assert "in main" in log
    assert "an aside" not in log


def test_a_run_is_shown_waiting_answering_and_failed(alice_client: Client, story: Story) -> None:
    run_id = UUID(story.tell(commands.AddMessage, content="hello", answer=True).data["answer_run_id"])
    worker = Story(story.id, Actor("system"))
    waiting = shown(alice_client, f"/sessions/{story.id}/")
    assert f'data-run-id="{run_id}" data-position="3" data-first="{run_id}" data-open' in waiting
    assert "waiting for a worker" in waiting
    worker.tell(commands.StartRun, run_id=run_id)
    assert "answering…" in shown(alice_client, f"/sessions/{story.id}/")
    worker.tell(commands.EndRun, run_id=run_id, outcome="failed", error="the model is <away>")
    page = shown(alice_client, f"/sessions/{story.id}/")
    assert "No answer: the model is &lt;away&gt;" in page
    assert "data-open" not in page


def test_an_answer_carries_its_run_and_says_when_it_was_cut_off(alice_client: Client, story: Story) -> None:
    run_id = UUID(story.tell(commands.AddMessage, content="hello", answer=True).data["answer_run_id"])
    worker = Story(story.id, Actor("system"))
    worker.tell(commands.StartRun, run_id=run_id)
    worker.tell(commands.EndRun, run_id=run_id, outcome="interrupted", text="half an ans")
    page = shown(alice_client, f"/sessions/{story.id}/")
    assert Run.objects.get().state == "interrupted"
    assert f'data-run-id="{run_id}"' in page
    assert '<span class="mark">incomplete</span>' in page
    assert "No answer" not in page


def test_what_is_unknown_is_called_unknown(alice_client: Client, alice: User) -> None:
    config = SessionConfig(provider="nobody", model="knows")
    created = bus.execute(commands.CreateSession(config=config), Context(actor=Actor("user", str(alice.pk))))
    tell = Story(created.data["id"], Actor("user", str(alice.pk))).tell
    tell(commands.UpdateTokenMetrics, prompt_tokens=10, completion_tokens=5)
    page = shown(alice_client, f"/sessions/{created.data['id']}/")
    assert "<span data-tokens>15</span>" in page
    assert "<span data-cost>unknown</span>" in page
    assert "<span data-occupied>unknown</span>" in page


def test_a_nearly_full_window_is_told(alice_client: Client, story: Story) -> None:
    assert "data-critical hidden" in shown(alice_client, f"/sessions/{story.id}/")
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=7000)
    page = shown(alice_client, f"/sessions/{story.id}/")
    assert "<span data-occupied>85&nbsp;%</span>" in page
    assert "data-critical>" in page


def test_without_our_script_the_form_adds_a_message(alice_client: Client, story: Story) -> None:
    response = alice_client.post(f"/sessions/{story.id}/", {"content": "plainly"})
    assert response.headers["Location"] == f"/sessions/{story.id}/"
    assert story.types(after=1) == ["message-added", "run-requested"]
    assert alice_client.post(f"/sessions/{story.id}/", {"content": ""}).status_code == 302
    assert len(story.events()) == 3
    assert_replay_rebuilds_the_same_rows()


def test_what_the_form_cannot_say_is_refused_in_words(alice_client: Client, story: Story) -> None:
    response = alice_client.post(f"/sessions/{story.id}/", {"content": "nul \x00"})
    assert response.status_code in (400, 422)
    assert len(story.events()) == 1


def test_what_is_not_yours_looks_like_what_never_was(bob_client: Client, story: Story, charlie: User) -> None:
    story.tell(commands.AddMessage, content="private")
    staff = Client()
    staff.force_login(charlie)
    never = uuid4()
    bodies = {
        client.get(f"/sessions/{ident}/{query}").content
        for client in (bob_client, staff)
        for ident in (story.id, never)
        for query in ("", "?before=5")
    }
    assert len(bodies) == 1
    assert shown(bob_client, f"/sessions/{story.id}/", 404) == shown(bob_client, "/no/such/page", 404)
    for ident in (story.id, never):
        assert bob_client.post(f"/sessions/{ident}/", {"content": "hello"}).status_code == 404
    assert len(story.events()) == 2


def test_a_deleted_session_is_gone(alice_client: Client, story: Story) -> None:
    story.tell(commands.DeleteSession)
    shown(alice_client, f"/sessions/{story.id}/", 404)


# -- safety ------------------------------------------------------------------------------------------------------------


def test_pages_bring_no_inline_script_or_style_and_nothing_from_elsewhere(alice_client: Client, story: Story) -> None:
    pages = [shown(alice_client, path) for path in ("/sessions/", f"/sessions/{story.id}/")]
    pages += [shown(Client(), "/login/"), shown(alice_client, "/no/such/page", 404), render_to_string("500.html")]
    for page in pages:
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", page)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    policy = alice_client.get("/sessions/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_our_scripts_never_build_elements_from_text() -> None:
    for script in (ROOT / "static" / "parley").glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", script.read_text())


def test_the_page_for_failures_needs_nothing() -> None:
    assert "Something failed here" in render_to_string("500.html", request=HttpRequest())


def test_forms_need_the_csrf_token(alice: User, story: Story) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(alice)
    for path in ("/sessions/", f"/sessions/{story.id}/", "/markup/", "/logout/", path_of(make_link(alice))):
        assert careful.post(path, {"content": "forged"}).status_code == 403
    assert len(story.events()) == 1
