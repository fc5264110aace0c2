"""No log makes the server fail: every field of every event with every odd value, some of them at a time."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sessions_app.models import Session
from tests.api.caller import Caller
from tests.api.test_fuzz import JSON, bounded, check
from tests.exchange.made import document, golden
from tests.story import assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)

ODD: list[Any] = [
    *(None, True, -1, 0, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 1e300, -1e300, 5e-324, 0.5, "", "x", "x" * 9_000),
    *("NaN", "Infinity", "1e999999", "-1", "0", "2025-13-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *([], [None], [1], {}, {"a": {"b": []}}, "0198f2c4-aaaa-7000-8000-00000000000a", ["x"], [{}], "\u202e", "a/b"),
]
FIELDS = [(event["version"], name) for event in golden(uuid4()) for name in event["data"]]
CHANGES = st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(ODD) | JSON), min_size=1, max_size=3)


def sent(api: Caller, changes: list[tuple[tuple[int, str], Any]]) -> None:
    """An honest log but for that: taken, or refused; what was taken can be read."""
    session = uuid4()
    log = golden(session)
    for (version, name), value in changes:
        log[version - 1]["data"][name] = value
    try:
        body = json.dumps(document(log))
    except Exception:  # nobody can make a manifest of that; the log is sent all the same
        body = json.dumps({"manifest": document(golden(session))["manifest"], "events": log})
    answer = api.post("sessions/import/", body.encode())
    check(answer)
    if answer.status_code == 200:
        for path in ("", "state/", "messages/", "conversations/", "runs/", "graphs/", "artifacts/", "export/"):
            assert api.get(f"sessions/{session}/{path}").status_code == 200, (path, changes)


def test_no_field_of_any_event_makes_an_import_fail(alice: User) -> None:
    api = Caller(alice)

    @settings(bounded, max_examples=20)
    @given(changes=CHANGES)
    @example(changes=[])
    def bring(changes: list[tuple[tuple[int, str], Any]]) -> None:
        sent(api, changes)

    bring()
    assert_replay_rebuilds_the_same_rows()
    assert Session.objects.exists()
