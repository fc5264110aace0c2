"""A session as a file: complete, the same bytes for the same log, readable by people."""

import hashlib
import json
import tracemalloc
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection

from sessions_app import queries
from sessions_app.exchange import exporting
from tests.api.caller import Caller, problem
from tests.conversations import say
from tests.exchange.telling import rich
from tests.story import Story

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(alice: User) -> Story:
    return rich(alice)


def exported(api: Caller, story: Story, name: str = "json") -> Any:
    answer = api.get(f"sessions/{story.id}/export/?format={name}")
    assert answer.status_code == 200, answer.content
    return answer


def test_a_session_as_json_is_its_whole_log_and_a_manifest_that_vouches_for_it(api: Caller, told: Story) -> None:
    answer = exported(api, told)
    document = json.loads(answer.whole)
    events, manifest = document["events"], document["manifest"]
    assert [event["type"] for event in events] == told.types()
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    assert (manifest["format"], manifest["format_version"]) == ("parley-session", 1)
    assert (manifest["session_id"], manifest["version"]) == (str(told.id), len(events))
    assert sum(manifest["counts"].values()) == manifest["events"] == len(events)
    lines = [json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" for event in events]
    assert [kept["version"] for kept in manifest["artifacts"]] == [2, 3]
    stored = b'{"steps":2}'
    assert manifest["artifacts"][1]["sha256"] == hashlib.sha256(stored).hexdigest()
    assert manifest["sha256"] == json.loads(exported(api, told, "jsonl").whole.splitlines()[0])["sha256"]
    assert all("position" not in line for line in lines)
    assert events[0]["data"]["owner_id"] is None
    (said,) = (event["data"] for event in events if "snowman" in json.dumps(event))
    assert said["metadata"] == {"b": 1e22, "a": [1.0, 5e-324, 10**15, None]}


def test_lines_are_the_events_that_the_manifest_has_the_hash_of(api: Caller, told: Story) -> None:
    manifest, *lines = exported(api, told, "jsonl").whole.splitlines(keepends=True)
    assert hashlib.sha256(b"".join(lines)).hexdigest() == json.loads(manifest)["sha256"]
    assert [json.loads(line) for line in lines] == json.loads(exported(api, told).whole)["events"]


def test_the_same_log_gives_the_same_bytes_until_it_goes_on(api: Caller, told: Story) -> None:
    for name in ("json", "jsonl", "markdown"):
        first, second = exported(api, told, name), exported(api, told, name)
        assert first.whole == second.whole
        assert first["ETag"] == second["ETag"]
    before = exported(api, told).whole
    say(told, "more")
    assert json.loads(exported(api, told).whole)["events"][:-1] == json.loads(before)["events"]


def test_people_read_who_said_what_and_where_forks_begin(api: Caller, told: Story) -> None:
    answer = exported(api, told, "markdown")
    text = answer.whole.decode()
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert text.startswith("# A rich story\n")
    assert "\n## main\n" in text
    assert "\n## A third way\n\n*A fork of Another way: it shares what that one had said up to" in text
    assert "### user (pinned), 20" in text
    assert "*Calls calculator:*\n\n```\n{\n" in text
    assert "*A tool answers:*\n\n```\n42\n```" in text


def test_a_file_of_a_session_is_a_download_of_ones_own(api: Caller, bob_api: Caller, told: Story) -> None:
    answer = exported(api, told)
    assert answer["Content-Disposition"] == f'attachment; filename="session-{told.id}.json"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    problem(bob_api.get(f"sessions/{told.id}/export/?format=json"), 404, "not-found")
    problem(api.get(f"sessions/{told.id}/export/?format=xml"), 422, "validation-failed")


def many(session_id: UUID, count: int) -> None:
    """So many messages more in the log, all alike; written past the door, for the door would take minutes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bus_storedevent (id, stream, version, type, schema, data, actor, command, seq, correlation,"
            " traceparent) SELECT gen_random_uuid(), stream, n, type, schema, data, actor, gen_random_uuid(), 0, '', ''"
            " FROM bus_storedevent, generate_series(version + 1, %s) AS n WHERE stream = %s AND version = 2",
            [count, session_id],
        )
        cursor.execute("UPDATE bus_stream SET version = %s WHERE id = %s", [count, session_id])


def test_a_long_log_takes_little_memory(api: Caller, story: Story) -> None:
    say(story, "x" * 2_000)
    many(story.id, 4_000)
    session = queries.session_of(story.actor, story.id)
    tracemalloc.start()
    try:
        manifest = exporting.manifest_of(session.id, session.version)  # type: ignore[attr-defined]
        sizes = [len(piece) for piece in exporting.gathered(exporting.as_json(session.id, manifest))]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(sizes) > 8_000_000
    assert peak < 3_000_000
    assert max(sizes) < 80_000
