"""S1 for logins that were good once (`tests/api/test_isolation.py` has the others), for every method an address offers,
for every socket method, and for every page of the admin."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session as Login
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from tests.api.caller import Caller, problem
from tests.api.classified import ADMIN, API, PAGES, SOCKET
from tests.api.handshake import handshake, headers_of
from tests.api.test_isolation import Property, calls, without_ids

pytestmark = pytest.mark.django_db(transaction=True)


def logged_out(client: Client, user: User) -> None:
    SessionStore(client.cookies["sessionid"].value).flush()


def expired(client: Client, user: User) -> None:
    Login.objects.update(expire_date=timezone.now())


def disabled(client: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def changed_password(client: Client, user: User) -> None:
    user.set_password("another")
    user.save()


def forged(client: Client, user: User) -> None:
    client.cookies["sessionid"] = "0123456789abcdefghijklmnopqrstuv"


@pytest.fixture
def hers(alice: User) -> Property:
    return Property(Caller(alice))


@pytest.fixture(params=[logged_out, expired, disabled, changed_password, forged])
def ended(request: pytest.FixtureRequest, alice: User, hers: Property) -> Caller:
    """Alice's own browser, after her login has ended."""
    end: Callable[[Client, User], None] = request.param
    caller = Caller(alice)
    end(caller.client, alice)
    return caller


def test_an_ended_login_is_a_stranger_to_every_address(ended: Caller, hers: Property) -> None:
    stranger = Caller()
    for method, path, body in calls(API, "owned") + calls(API, "list"):
        told = ended.call(method, hers.at(path), body, if_match="*")
        problem(told, 401, "unauthenticated")
        assert without_ids(told) == without_ids(stranger.call(method, hers.at(path), body, if_match="*"))
    for method, path, _ in calls(PAGES, "owned") + calls(PAGES, "list"):
        answer = ended.client.generic(method, "/" + hers.at(path))
        assert (answer.status_code, answer["Location"][:13]) == (302, "/login/?next=")
    assert hers.written() == hers.before


def test_an_ended_login_opens_no_socket(ended: Caller, hers: Property) -> None:
    for path in ("/ws/v1/", f"/ws/sessions/{hers.session}/"):
        talk = handshake(headers_of(ended.client, "http://testserver"), path=path)
        assert (talk.accepted, talk.code, talk.frames) == (True, 4401, [])


# -- sockets -----------------------------------------------------------------------------------------------------------


def test_every_socket_method_is_classified(alice_client: Client) -> None:
    (reply,) = handshake(headers_of(alice_client, "http://testserver"), {"id": 1, "method": "?"}).frames
    offered = set(re.findall(r"[a-z-]+", reply["error"]["detail"].partition("; use ")[2]))
    assert offered == set(SOCKET), "classify new socket methods in tests/api/classified.py: whose objects do they name?"


@pytest.mark.parametrize("method", [method for method, (kind, _) in SOCKET.items() if kind == "owned"])
@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_no_socket_method_reaches_what_is_somebody_elses(
    hers: Property, request: pytest.FixtureRequest, who: str, method: str
) -> None:
    caller = Caller(request.getfixturevalue(who))
    nothing = "0198f2c4-aaaa-7000-8000-00000000000a"
    told = []
    for session in (hers.session, nothing):
        params = {
            name: {"session_id": session, "content": "x"} if name == "payload" else value.replace("{session}", session)
            for name, value in SOCKET[method][1].items()
        }
        talk = handshake(headers_of(caller.client, "http://testserver"), {"id": 1, "method": method, "params": params})
        assert [frame["error"]["code"] for frame in talk.frames] == ["not-found"]
        told.append(str(talk.frames).replace(session, "*"))
    assert told[0] == told[1]
    pings = [{"id": 1, "method": "ping"}] * 2  # the first is answered by the refusal, the second by the close
    by_path = handshake(headers_of(caller.client, "http://testserver"), *pings, path=f"/ws/sessions/{hers.session}/")
    assert (by_path.code, [frame["error"]["code"] for frame in by_path.frames]) == (4404, ["not-found"])
    assert hers.written() == hers.before


# -- methods -----------------------------------------------------------------------------------------------------------


def test_every_method_that_an_address_offers_is_classified(hers: Property, alice: User, charlie: User) -> None:
    callers = {"staff": Caller(charlie)}
    for path, route in API.items():
        if route.kind == "gone":
            continue
        answer = callers.get(route.kind, hers.api).call("NONSENSE", hers.at(path), {})
        assert answer.status_code == 405, (path, answer.content)
        allowed = set(answer["Allow"].split(", ")) - {"HEAD", "OPTIONS"}
        assert allowed == {method for method, _ in route.calls}, f"classify the methods of {path}"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_methods_without_a_handler_of_ours_tell_nothing(hers: Property, bob: User, method: str) -> None:
    caller = Caller(bob)
    for path, route in API.items():
        if route.kind == "owned":
            there, nothing = (caller.call(method, at(path)) for at in (hers.at, hers.of_nothing))
            assert there.status_code == nothing.status_code
            assert there.content.replace(b" ", b"") == nothing.content.replace(b" ", b"")
            assert b"private" not in there.content


# -- the admin ---------------------------------------------------------------------------------------------------------


def admin_pages() -> Iterator[tuple[str, str]]:
    """(name, pattern) of every address of the admin."""
    addresses: Any = get_resolver().url_patterns
    for item in addresses:
        if str(item.pattern) == "admin/":
            for found in item.url_patterns:
                inner = getattr(found, "url_patterns", None)
                for last in inner if inner is not None else [found]:
                    yield last.name or "", f"/admin/{found.pattern if inner is not None else ''}{last.pattern}"


def kind_of(name: str) -> str | None:
    """How an admin page is classified: by its name, or by the end of it for the pages of each model."""
    return ADMIN.get(name) or next((ADMIN[end] for end in ADMIN if end.startswith("_") and name.endswith(end)), None)


def address(pattern: str, hers: Property) -> str:
    path = re.sub(r"<path:object_id>|<uuid:\w+>", hers.session, pattern)
    return re.sub(r"<\w+:\w+>|\(\?P<\w+>[^)]*\)|<\w+>", "1", path).replace("^", "").replace("$", "").replace("\\", "")


def test_every_page_of_the_admin_is_classified() -> None:
    pages = dict(admin_pages())
    assert len(pages) > 50
    assert [name for name in pages if kind_of(name) is None] == []


@pytest.mark.parametrize("who", ["nobody", "alice", "bob"])
def test_the_admin_shows_nothing_to_those_who_are_not_staff(
    hers: Property, request: pytest.FixtureRequest, who: str
) -> None:
    caller = Caller(None if who == "nobody" else request.getfixturevalue(who))
    for name, pattern in admin_pages():
        if name == "logout":
            continue
        for send in (caller.client.get, caller.client.post):
            answer = send(address(pattern, hers), {"post": "yes", "title": "stolen"})
            if kind_of(name) == "open":
                assert answer.status_code in (200, 302), (name, answer.status_code)
            else:
                assert (answer.status_code, answer["Location"][:13]) == (302, "/admin/login/"), (name, answer)
            assert b"private" not in answer.content
    assert hers.written() == hers.before


@pytest.mark.parametrize("rights", ["none", "view"])
def test_staff_do_in_the_admin_what_they_may_and_no_more(hers: Property, rights: str) -> None:
    dora = User.objects.create_user("dora", is_staff=True)
    if rights == "view":
        dora.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    caller = Caller(dora)
    for name, pattern in admin_pages():
        if kind_of(name) not in ("model", "write"):
            continue
        path = address(pattern, hers)
        if rights == "none":
            assert caller.client.get(path).status_code in (403, 302), name
        if rights == "none" or kind_of(name) == "write":
            answer = caller.client.post(path, {"post": "yes", "title": "stolen", "metadata": "{}"})
            assert answer.status_code in (403, 302), (name, answer.status_code)
    chosen = {"action": "delete_selected", "_selected_action": [hers.session], "post": "yes"}
    caller.client.post("/admin/sessions_app/session/", chosen)
    assert hers.written() == hers.before
