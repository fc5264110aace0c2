"""Every list, found by the table of addresses: a page of thirty rows costs as many queries as a page of one."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bus.messages import uuid7
from sessions_app.models import Artifact, Conversation, DailyUse, Export, Graph, Run, Session
from tests.api.caller import Caller
from tests.api.classified import API

MANY = 30
NEEDED = {
    "search/": "q=needle",
    "sessions/<uuid:session_id>/history/": "node={message_id}",
    "analytics/": "group=session",
}
"""What an address does not answer without, or would show one row without."""
WHOLE = {"models/", "prompts/"}
"""Lists that are not in pages: they are the server's, not a person's."""


def multiply(row: Any, *fresh: str, **changes: Any) -> list[Any]:
    """Copies of a row, each with an id of its own; those `fresh` count up."""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields} | changes
    own = [{"id": uuid7()} | dict.fromkeys(fresh, 1_000 + number) for number in range(MANY)]
    return list(type(row).objects.bulk_create(type(row)(**values | each) for each in own))


@pytest.fixture
def ids(api: Caller) -> dict[str, str]:
    """Of a session with many of everything, among many."""
    session = api.session()
    for _ in range(MANY):
        message = api.say(session, "needle")["id"]
        assert api.post("tokens/", {"name": "t", "scopes": ["sessions:read"]}).status_code == 201
    graph = api.post(f"sessions/{session}/graphs/", {"prompt": "x"}).json()["id"]
    kept = api.post(f"sessions/{session}/artifacts/", {"name": "n", "data": 1}).json()["id"]
    multiply(Conversation.objects.filter(id=session).get())
    multiply(Run.objects.get(), state="completed")
    for number in range(MANY):
        User.objects.create(username=f"reader-{number}")
        shared = api.post(f"sessions/{session}/shares/", {"username": f"reader-{number}", "role": "viewer"})
        assert shared.status_code == 201
    multiply(Graph.objects.get())
    multiply(Artifact.objects.get(), "position", "version")
    assert api.post("exports/", {}).status_code == 202
    multiply(Export.objects.get(), state="ready")
    used = DailyUse.objects.get()
    for other in multiply(Session.objects.get()):
        used.session = other.id
        used.save(force_insert=True)
    return {"session_id": session, "message_id": message, "graph_id": graph, "artifact_id": kept}


def lists(api: Caller, ids: dict[str, str]) -> Iterator[str]:
    for path, route in API.items():
        if not any(method == "GET" for method, _ in route.calls) or route.kind == "gone":
            continue
        address = path
        for name, ident in ids.items():
            address = address.replace(f"<uuid:{name}>", ident)
        if "<" in address or path in WHOLE:
            continue
        address = f"{address}?{NEEDED.get(path, '').format(**ids)}"
        answer = api.get(address)
        if answer.status_code == 200 and not answer.streaming and isinstance(_body(answer).get("data"), list):
            yield address


def _body(answer: Any) -> dict[str, Any]:
    body: dict[str, Any] = answer.json() if answer["Content-Type"].startswith("application/json") else {}
    return body


def test_a_page_of_many_costs_as_many_queries_as_a_page_of_one(api: Caller, ids: dict[str, str]) -> None:
    found = list(lists(api, ids))
    costs: dict[str, list[tuple[int, int]]] = {}
    for address in found:
        for limit in (1, MANY):
            with CaptureQueriesContext(connection) as queries:
                rows = api.get(f"{address}&limit={limit}").json()["data"]
            costs.setdefault(address, []).append((len(rows), len(queries)))
    assert len(found) >= 10, found
    rows_of = {address: (one[0], many[0]) for address, (one, many) in costs.items()}
    assert set(rows_of.values()) == {(1, MANY)}, f"let `ids` make {MANY} rows of every list: {rows_of}"
    assert {address: cost for address, cost in costs.items() if cost[0][1] != cost[1][1]} == {}
    assert max(queries for cost in costs.values() for _, queries in cost) <= 12, costs
