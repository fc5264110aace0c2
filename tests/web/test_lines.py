"""Parts of a session's page: other lines of a conversation, lines anew, prose as it streams; who may have them."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bus.bus import bus
from bus.messages import Context
from sessions_app import commands
from sessions_app.models import Message
from sessions_app.pages.markup import LONGEST
from sessions_app.pages.windows import MESSAGES, WEIGHT
from sessions_app.values import ToolResultPart
from tests.story import Story
from tests.web.browser import shown
from tests.web.session_page import CALL, page_of, started

NOBODY = "0198aaaa-0000-7000-8000-000000000000"

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "parley"


def lines(client: Client, story: Story, query: str = "") -> str:
    """A part of the page."""
    return shown(client, f"/sessions/{story.id}/lines/{query}")


def numbers(page: str) -> list[int]:
    """Which of the numbered sayings it has."""
    return [int(found) for found in re.findall(r"saying (\d+)\.", page)]


@pytest.fixture
def long(story: Story) -> Story:
    """Twice a page, and five."""
    for number in range(2 * MESSAGES + 5):
        story.tell(commands.AddMessage, content=f"saying {number}.")
    return story


def test_a_long_conversation_is_walked_in_both_directions(alice_client: Client, long: Story) -> None:
    end = lines(alice_client, long)
    assert numbers(end) == list(range(MESSAGES + 5, 2 * MESSAGES + 5))
    assert "data-upper" not in end
    (lower,) = re.findall(r'<section[^>]* data-lower="(\d+)"', end)
    middle = lines(alice_client, long, f"?before={lower}")
    assert numbers(middle) == list(range(5, MESSAGES + 5))
    (lower,) = re.findall(r'data-lower="(\d+)"', middle)
    assert numbers(begin := lines(alice_client, long, f"?before={lower}")) == list(range(5))
    assert "data-lower" not in begin
    onwards = lines(alice_client, long, "?after=6")
    assert numbers(onwards) == list(range(5, MESSAGES + 5))
    assert re.search(r'data-upper="(\d+)"', onwards)


def test_a_message_a_position_and_a_day_lead_into_the_middle(alice_client: Client, long: Story) -> None:
    wanted = Message.objects.get(content__0__text="saying 40.")
    for query in (f"?message={wanted.id}", f"?at={wanted.position}", f"?at={wanted.created_at.isoformat()[:-6]}"):
        page = page_of(alice_client, long, query)
        assert 40 in numbers(page)
        assert len(numbers(page)) <= MESSAGES + MESSAGES // 2
        assert "<textarea" in page, "it goes on to be a conversation"
        assert f'data-place="{wanted.position}"' in page
        assert "data-later" in page
    assert numbers(page_of(alice_client, long, "?at=2020-01-01"))[0] == 0
    assert numbers(page_of(alice_client, long, "?at=0"))[0] == 0


@pytest.mark.parametrize(
    "query", ["?at=nonsense", "?at=2026-99-99", "?message=x", "?after=-1", f"?message={NOBODY}", "?at=2999-01-01"]
)
def test_an_address_that_means_nothing_shows_the_end(alice_client: Client, story: Story, query: str) -> None:
    story.tell(commands.AddMessage, content="saying 1.")
    assert numbers(lines(alice_client, story, query)) == [1]


def test_long_messages_make_a_page_of_fewer(alice_client: Client, story: Story) -> None:
    for number in range(4):
        story.tell(commands.AddMessage, content=f"saying {number}." + "x" * (WEIGHT // 2 - 50))
    assert numbers(lines(alice_client, story)) == [2, 3]


def test_a_line_anew_is_the_line_of_the_page(alice_client: Client, story: Story, worker: Story) -> None:
    run = started(story, worker)
    worker.tell(commands.RecordToolCalls, run_id=run, text="**well**", tool_calls=[CALL], needs_approval=["c1"])
    message = Message.objects.get(role="assistant")
    article = re.compile(rf'<article class="message" id="m-{message.id}".*?</article>', re.DOTALL)

    def of(page: str) -> str:
        found = article.search(page)
        assert found is not None
        return found[0]

    anew = of(lines(alice_client, story, f"?id={message.id}&id=nonsense&id={uuid4()}"))
    assert anew == of(page_of(alice_client, story))
    assert "<strong>well</strong>" in anew
    assert 'data-approve="true"' in anew
    story.tell(commands.DecideToolCall, run_id=run, tool_call_id="c1", approve=True)
    worker.tell(commands.StartRun, run_id=run)
    results = [ToolResultPart(tool_call_id="c1", content='{"b":1,"a":[2]}')]
    worker.tell(commands.RecordToolResults, run_id=run, results=results)
    anew = of(lines(alice_client, story, f"?id={message.id}"))
    assert anew == of(page_of(alice_client, story))
    assert re.search(r"<pre[^>]*>{\n  <span[^>]*>&quot;b&quot;</span>: <span", anew), "JSON has lines of its own"


def test_results_stay_with_their_call_where_a_page_ends(alice_client: Client, story: Story, worker: Story) -> None:
    run = started(story, worker)
    for number in range(MESSAGES - 2):
        story.tell(commands.AddMessage, content=f"saying {number}.")
    worker.tell(commands.RecordToolCalls, run_id=run, text="hm", tool_calls=[CALL])
    worker.tell(commands.RecordToolResults, run_id=run, results=[ToolResultPart(tool_call_id="c1", content="noon")])
    story.tell(commands.AddMessage, content="saying 99.")
    first = Message.objects.order_by("position")[0].position
    onwards = lines(alice_client, story, f"?after={first - 1}")
    assert "noon" in onwards or "hm" not in onwards
    call = Message.objects.get(content__0__text="hm").position
    later = lines(alice_client, story, f"?before={call + 100}")
    assert later.count('class="result"') == 1
    assert 'data-role="tool"' not in later


def test_parts_cost_the_same_however_much_was_said(
    alice_client: Client, long: Story, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    ids = Message.objects.values_list("id", flat=True)[:40]
    for query in ("", "?before=60", "?after=10", "?at=50", "?" + "&".join(f"id={ident}" for ident in ids)):
        with django_assert_max_num_queries(8):  # login session, user, session, conversation, messages (twice), runs
            lines(alice_client, long, query)


def test_nobody_else_gets_a_part(alice_client: Client, bob_client: Client, client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="**private**", role="assistant")
    message = Message.objects.get()
    for path in (f"lines/?id={message.id}", "lines/", f"lines/{message.id}/text/"):
        never = shown(bob_client, f"/sessions/{uuid4()}/{path}", 404)
        assert shown(bob_client, f"/sessions/{story.id}/{path}", 404) == never
        assert client.get(f"/sessions/{story.id}/{path}")["Location"].startswith("/login/")
    assert client.post("/markup/", "x", content_type="text/plain")["Location"].startswith("/login/")
    own = bus.execute(commands.CreateSession(), Context(actor=story.actor)).data["id"]
    elsewhere = shown(alice_client, f"/sessions/{own}/lines/?id={message.id}")
    assert "private" not in elsewhere, "of another session"
    shown(alice_client, f"/sessions/{own}/lines/{message.id}/text/", 404)


def test_a_message_can_be_had_as_it_was_written(alice_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="**a** <b>\n", role="assistant")
    response = alice_client.get(f"/sessions/{story.id}/lines/{Message.objects.get().id}/text/")
    assert response.content.decode() == "**a** <b>\n"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_what_streams_is_made_prose_as_the_page_would(alice_client: Client) -> None:
    def made(body: bytes) -> tuple[int, str]:
        response = alice_client.post("/markup/", body, content_type="text/plain")
        return response.status_code, response.content.decode()

    assert made(b"**a** <script>x</script>") == (
        200,
        '<div class="prose"><p><strong>a</strong> &lt;script&gt;x&lt;/script&gt;</p>\n</div>',
    )
    assert made(b"\xff")[0] == 400
    assert made(b"x" * (4 * LONGEST + 1))[0] == 413
    assert alice_client.get("/markup/").status_code == 405


def test_the_script_asks_for_no_more_lines_than_there_are() -> None:
    from sessions_app.pages.lines import MOST

    assert f"const MOST = {MOST};" in (SCRIPTS / "lines.js").read_text()


def test_what_a_script_asks_for_counts_as_reads(alice_client: Client, story: Story, settings: Any) -> None:
    settings.RATES = {**settings.RATES, "reads": 2}
    answers = [alice_client.post("/markup/", "x", content_type="text/plain") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Retry-After" in answers[-1].headers
