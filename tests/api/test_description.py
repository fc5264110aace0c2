"""The API's description: every operation is declared, and every answer is one that it has."""

import re
from typing import Any

import jsonschema_rs
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver

from sessions_app.api.description import asyncapi
from sessions_app.api.description.catalogue import CATALOGUE
from sessions_app.api.description.operations import declared
from tests.api.caller import Caller, problem
from tests.api.classified import API, SOCKET
from tests.api.conformity import document, operation_at
from tests.api.test_isolation import Property, calls


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, said) for path, at in document()["paths"].items() for method, said in at.items()]


def views(patterns: list[Any]) -> list[Any]:
    found = []
    for item in patterns:
        if isinstance(item, URLResolver):
            found += views(item.url_patterns)
        elif isinstance(item, URLPattern) and hasattr(item.callback, "cls"):
            found.append(item.callback.cls)
    return found


def test_every_method_of_every_view_says_what_it_takes_and_gives() -> None:
    silent = [
        f"{view.__name__}.{method}"
        for view in views(get_resolver().url_patterns)
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method) and declared(view, method) is None
    ]
    assert silent == [], "declare it with @describes(...): docs/adding.md"


def test_the_reference_in_docs_is_what_the_code_says() -> None:
    call_command("api_reference")


def test_operations_have_names_of_their_own_and_say_what_they_do() -> None:
    names = [said["operationId"] for _, _, said in operations()]
    assert len(names) == len(set(names)) > 40
    assert [name for name in names if name.endswith("_2")] == []
    assert all(said["summary"] and said["description"] and said["tags"] for _, _, said in operations())


def test_examples_are_what_is_taken() -> None:
    components = {"schemas": document()["components"]["schemas"]}
    for method, path, said in operations():
        for content in said.get("requestBody", {}).get("content", {}).values():
            if "example" in content:
                schema = {**content["schema"], "components": components}
                errors = list(jsonschema_rs.Draft202012Validator(schema).iter_errors(content["example"]))
                assert errors == [], (method, path)


def test_every_answer_is_as_it_is_described(api: Caller, charlie_api: Caller) -> None:
    hers = Property(api)
    account = charlie_api.post("service-accounts/", {"name": "nightly"}).json()["id"]
    mine = [(api, call) for kind in ("shared", "owned", "list") for call in calls(API, kind)]
    given = [*mine, *((charlie_api, call) for call in calls(API, "staff"))]
    order = ("GET", "POST", "PATCH", "PUT", "DELETE")
    for caller, (method, path, body) in sorted(given, key=lambda one: order.index(one[1][0])):
        asked = {"history/": f"?node={hers.ids['message_id']}", "search/": "?q=private"}
        address = hers.at(path.replace("<int:user_id>", str(account))) + asked.get(
            path.rpartition("<uuid:session_id>/")[2], ""
        )
        answer = caller.call(method, address, body, if_match="*")  # the caller holds it against the description
        assert answer.status_code < 500
        assert operation_at(method, f"/api/v1/{address}") is not None


def test_what_is_open_is_open_to_strangers(stranger_api: Caller) -> None:
    for method, path, body in calls(API, "open"):
        assert stranger_api.call(method, path, body).status_code == 200, path
    assert stranger_api.get("schema/", accept="application/json").json()["openapi"].startswith("3.1")
    assert stranger_api.get("schema/?format=yaml").content.startswith(b"openapi: 3.1")
    assert stranger_api.get("asyncapi.json").json()["asyncapi"] == "3.0.0"


def test_the_page_for_people_brings_no_inline_script_and_nothing_from_elsewhere(stranger_api: Caller) -> None:
    page = stranger_api.get("docs/")
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", page.content.decode())
    found = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.content.decode())
    assert len(found) == 4
    assert all(finders.find(address.removeprefix("/static/")) for address in found)
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert "unsafe" not in page["Content-Security-Policy"]


def test_every_method_of_a_socket_is_described() -> None:
    asked = {name for name, what in asyncapi.document()["operations"].items() if what["action"] == "receive"}
    assert asked == set(SOCKET)


def test_every_kind_of_problem_has_a_page(stranger_api: Caller) -> None:
    for code, kind in CATALOGUE.items():
        shown = stranger_api.get(f"/problems/{code}", accept="application/json").json()
        assert (shown["code"], shown["status"], shown["meaning"]) == (code, kind.status, kind.meaning)
    assert CATALOGUE["not-found"].remedy in stranger_api.get("/problems/not-found", accept="text/html").content.decode()
    problem(stranger_api.get("/problems/nothing"), 404, "not-found")
