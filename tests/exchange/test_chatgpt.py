"""Conversations of a ChatGPT export become sessions with forks, once."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from bus.models import StoredEvent
from sessions_app.models import Conversation, Message, Session
from sessions_app.values import text_of, to_content
from tests.api.caller import Caller
from tests.conversations import line
from tests.story import assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)
FILE = (Path(__file__).parent / "files" / "conversations.json").read_bytes()


def brought(api: Caller, data: bytes = FILE, kind: str = "application/json", query: str = "") -> Any:
    answer = api.post(f"sessions/import/{query}", data, content_type=kind)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_each_conversation_is_a_session_with_its_branches(api: Caller, alice: User) -> None:
    report = brought(api)
    assert [one["status"] for one in report["sessions"]] == ["created", "created", "refused"]
    session = Session.objects.get(id=report["sessions"][0]["id"])
    assert (session.title, session.owner_id, session.model) == ("Buses and queues", alice.pk, "gpt-4o")
    image = "[image: file-service://file-abc (not in the export)]"
    asked = f"{image}What is on this picture?[attachment: plan.pdf (not in the export)]"
    shared = [asked, "A bus \u2603."]
    counted = [*shared, "Count them.", "```\nlen(buses)\n```", "```\n3\n```", "Three."]
    assert line(session.id) == counted
    branches = Conversation.objects.filter(session=session).exclude(id=session.id).order_by("created_at")
    assert sorted(line(branch.id)[-1] for branch in branches) == ["One, two, three.", "Slow."]
    assert {len(line(branch.id)) for branch in branches} == {4}
    answer = Message.objects.get(session=session, content=[{"type": "text", "text": "One, two, three."}])
    assert (answer.role, answer.metadata) == ("assistant", {"model": "o1"})
    assert answer.created_at.isoformat() == "2025-01-01T09:05:00+00:00"
    tool = Message.objects.get(session=session, role="tool")
    assert (text_of(to_content(tool.content)), tool.metadata) == ("```\n3\n```", {"author": "python"})
    assert_replay_rebuilds_the_same_rows()


def test_a_tree_with_holes_and_circles_is_told_as_far_as_it_goes(api: Caller) -> None:
    session = Session.objects.get(id=brought(api)["sessions"][1]["id"])
    assert sorted(line(one.id) for one in Conversation.objects.filter(session=session)) == [
        ["second try"],
        ["second try", "first try"],
    ]


def test_the_same_export_again_changes_nothing_and_another_user_gets_their_own(api: Caller, bob_api: Caller) -> None:
    first = brought(api)
    before = StoredEvent.objects.count()
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("export/conversations.json", FILE)
        written.writestr("export/chat.html", "<p>the same")
    again = brought(api, archive.getvalue(), "application/zip")
    assert [one["status"] for one in again["sessions"]] == ["unchanged", "unchanged", "refused"]
    assert StoredEvent.objects.count() == before
    bobs = brought(bob_api)
    assert (bobs["created"], bobs["unchanged"], bobs["refused"]) == (2, 0, 1)
    assert not {one["id"] for one in first["sessions"][:2]} & {one["id"] for one in bobs["sessions"][:2]}


def test_a_dry_run_reports_without_keeping(api: Caller) -> None:
    report = brought(api, query="?dry_run=true")
    assert (report["dry_run"], report["created"], Session.objects.count()) == (True, 2, 0)
    assert brought(api)["created"] == 2
