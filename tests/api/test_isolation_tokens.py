"""S1 for programs: a token without the scope, one that is revoked, one that is over, and one of a disabled user reach
no address and no command, and are told nothing of what exists. The tables are those of `test_isolation.py`."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import resolve

from bus.registry import default
from sessions_app.accounts.scopes import ALL, SCOPES
from sessions_app.api.authentication import REFUSED
from sessions_app.api.views import Resource
from sessions_app.models import ApiToken
from tests.api.caller import ROOT, Caller, problem
from tests.api.classified import API, COMMANDS
from tests.api.test_isolation import NOTHING, Property, calls, without_ids

CALLS = [call for kind in ("owned", "list", "shared", "staff") for call in calls(API, kind)]
PUBLIC = [name for name, (kind, _) in COMMANDS.items() if kind != "staff"]


@pytest.fixture
def hers(charlie_api: Caller) -> Property:
    """Of an operator, so that nothing but the token stands in the way."""
    return Property(charlie_api)


def token(api: Caller, scopes: list[str]) -> tuple[str, Caller]:
    made = api.post("tokens/", {"name": "a program", "scopes": scopes}).json()
    return made["id"], Caller(bearer=made["token"])


class Programs:
    """Programs that may do everything but one thing."""

    def __init__(self, api: Caller) -> None:
        self.api = api
        self.made: dict[str, Caller] = {}

    def without(self, scope: str) -> Caller:
        if scope not in self.made:
            _, self.made[scope] = token(self.api, [other for other in SCOPES if other not in (scope, ALL)])
        return self.made[scope]


def view_of(path: str) -> Any:
    return resolve(ROOT + path).func.view_class  # type: ignore[attr-defined]


def test_every_address_and_every_public_command_says_which_scope_it_takes(hers: Property) -> None:
    for path, route in API.items():
        if route.kind not in ("gone", "open"):
            view = view_of(hers.at(path))
            assert issubclass(view, Resource), path
            assert {view.scope_of(method) for method, _ in route.calls} <= set(SCOPES), path
    assert [name for name in PUBLIC if default.commands[name].scope not in SCOPES] == []


def test_a_token_without_the_scope_is_told_so_whatever_exists(hers: Property) -> None:
    programs = Programs(hers.api)
    for method, path, body in CALLS:
        wanted = view_of(hers.at(path)).scope_of(method)
        program = programs.without(wanted)
        there, nothing = (program.call(method, at(path), body, if_match="*") for at in (hers.at, hers.of_nothing))
        assert wanted in problem(there, 403, "forbidden")["detail"], (method, path)
        assert without_ids(there) == without_ids(nothing), (method, path)
    ApiToken.objects.filter(name="a program").delete()
    assert hers.written()[-1] == hers.before[-1]


def test_a_token_without_a_commands_scope_is_told_so_whatever_exists(hers: Property) -> None:
    programs = Programs(hers.api)
    for name in PUBLIC:
        wanted = default.commands[name].scope
        for prefer in ("", "respond-async"):
            said = {
                without_ids(
                    programs.without(wanted).post(
                        "commands/", {"name": name, "payload": hers.payload(name, session)}, prefer=prefer
                    )
                )
                for session in (hers.session, NOTHING)
            }
            assert len(said) == 1, name
            assert f"lacks the scope '{wanted}'" in said.pop(), name
    ApiToken.objects.filter(name="a program").delete()
    assert hers.written()[-1] == hers.before[-1]


@pytest.mark.parametrize("end", ["revoked", "expired", "disabled"])
def test_a_token_that_is_good_no_more_is_a_strangers(hers: Property, charlie: User, end: str) -> None:
    ident, program = token(hers.api, [ALL])
    assert program.get("sessions/").status_code == 200
    if end == "revoked":
        hers.api.delete(f"tokens/{ident}/")
    elif end == "expired":
        ApiToken.objects.filter(id=ident).update(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    else:
        User.objects.filter(id=charlie.pk).update(is_active=False)
    before = hers.written()
    for method, path, body in CALLS:
        there, nothing = (program.call(method, at(path), body, if_match="*") for at in (hers.at, hers.of_nothing))
        assert problem(there, 401, "unauthenticated")["detail"] == REFUSED, (method, path)
        assert there["WWW-Authenticate"] == "Bearer"
        assert without_ids(there) == without_ids(nothing), (method, path)
    assert hers.written() == before


def test_addresses_of_operators_say_the_same_to_everybody_else(
    hers: Property, stranger_api: Caller, bob_api: Caller
) -> None:
    _, program = token(bob_api, [ALL])
    for method, path, body in calls(API, "staff"):
        for caller, status, code in (
            (stranger_api, 401, "unauthenticated"),
            (bob_api, 403, "forbidden"),
            (program, 403, "forbidden"),
        ):
            there, nothing = (caller.call(method, at(path), body, if_match="*") for at in (hers.at, hers.of_nothing))
            problem(there, status, code)
            assert without_ids(there) == without_ids(nothing), (method, path)
