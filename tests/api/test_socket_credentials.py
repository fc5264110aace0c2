"""What opens a socket beside a cookie: tokens and tickets; each wherever it may stand, once where it is good once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.redaction import redact
from sessions_app import tickets
from sessions_app.accounts.secrets import digest
from sessions_app.models import ApiToken, Ticket
from tests.api.caller import Caller, problem
from tests.api.handshake import Talk, handshake, headers_of

pytestmark = pytest.mark.django_db(transaction=True)

PING = {"id": 1, "method": "ping"}
PONG = {"id": 1, "result": {}}
ELSEWHERE = [(b"host", b"testserver"), (b"origin", b"https://elsewhere.example")]
GARBAGE = "parley_" + "0" * 43


def token(user: User, *scopes: str, **more: Any) -> str:
    """A token of that user's."""
    return str(Caller(user).post("tokens/", {"name": "t", "scopes": scopes or ["*"], **more}).json()["token"])


def ticket(caller: Caller) -> str:
    """A ticket of that caller's."""
    answer = caller.post("tickets/", {})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["ticket"])


def shown(kind: str, text: str) -> dict[str, Any]:
    return {"protocols": ["parley.v1", f"{kind}.{text}"]}


def opened(talk: Talk) -> bool:
    """Whether the socket answered; else it was closed as a stranger's."""
    assert talk.frames == [PONG] or (talk.code, talk.frames) == (4401, [])
    return bool(talk.frames)


def test_a_token_among_the_subprotocols_opens_a_socket_from_anywhere_and_is_never_said_back(alice: User) -> None:
    talk = handshake(ELSEWHERE, PING, **shown("bearer", token(alice)))
    assert (opened(talk), talk.protocol) == (True, "parley.v1")
    assert handshake(ELSEWHERE, PING, protocols=[f"bearer.{token(alice)}"]).protocol is None


def test_a_token_in_the_authorization_header_opens_a_socket(alice: User) -> None:
    header = (b"authorization", f"Bearer {token(alice)}".encode())
    assert opened(handshake([*ELSEWHERE, header], PING))


@pytest.mark.parametrize("text", [GARBAGE, "", "\udcff", "x" * 10_000])
def test_where_a_bad_token_is_shown_a_good_cookie_does_not_help(alice_client: Any, text: str) -> None:
    assert not opened(handshake(headers_of(alice_client, "https://elsewhere.example"), PING, **shown("bearer", text)))
    assert not opened(handshake(headers_of(alice_client, "http://testserver"), PING, **shown("ticket", text)))


def test_a_token_that_is_over_or_revoked_opens_no_socket(alice: User) -> None:
    text = token(alice)
    rows = ApiToken.objects.filter(digest=digest(text))
    for ended in ({"expires_at": timezone.now()}, {"expires_at": None, "revoked_at": timezone.now()}):
        rows.update(**ended)
        assert not opened(handshake(ELSEWHERE, PING, **shown("bearer", text)))


def test_a_ticket_opens_one_socket(alice: User, api: Caller) -> None:
    for good in (ticket(api), ticket(Caller(bearer=token(alice, "sessions:read")))):
        assert opened(handshake(ELSEWHERE, PING, **shown("ticket", good)))
        assert not opened(handshake(ELSEWHERE, PING, **shown("ticket", good)))
    assert opened(handshake(ELSEWHERE, PING, query=f"after=1&ticket={ticket(api)}"))
    assert not Ticket.objects.exists()


def test_a_ticket_ends_with_its_time_and_with_what_it_was_made_with(alice: User, api: Caller) -> None:
    late = ticket(api)
    Ticket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not opened(handshake(ELSEWHERE, PING, **shown("ticket", late)))
    orphan = ticket(api)
    api.client.logout()
    assert not opened(handshake(ELSEWHERE, PING, **shown("ticket", orphan)))
    text = token(alice)
    orphan = ticket(Caller(bearer=text))
    ApiToken.objects.filter(digest=digest(text)).update(revoked_at=timezone.now())
    assert not opened(handshake(ELSEWHERE, PING, **shown("ticket", orphan)))


def test_unused_tickets_are_pruned(api: Caller) -> None:
    ticket(api)
    tickets.prune()
    assert Ticket.objects.count() == 1
    Ticket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    tickets.prune()
    assert not Ticket.objects.exists()


def test_a_ticket_carries_the_scopes_of_its_token_and_no_more(alice: User, api: Caller) -> None:
    problem(Caller(bearer=token(alice, "runs:read")).post("tickets/", {}), 403, "forbidden")
    session = api.session()
    reads = ticket(Caller(bearer=token(alice, "sessions:read")))
    frames = [
        {"id": 1, "method": "subscribe", "params": {"session": session}},
        {
            "id": 2,
            "method": "command",
            "params": {"name": "add-message", "payload": {"session_id": session, "content": "x"}},
        },
    ]
    read, wrote = handshake(ELSEWHERE, *frames, **shown("ticket", reads)).frames
    assert read["result"]["head"] == 1
    assert (wrote["error"]["code"], "'sessions:write'" in wrote["error"]["detail"]) == ("forbidden", True)


@pytest.mark.parametrize(
    "line",
    [
        '127.0.0.1 - "WebSocket /ws/v1/?ticket={}" [accepted]',
        "> Sec-WebSocket-Protocol: parley.v1, bearer.{}",
        "subprotocols=['parley.v1', 'ticket.{}']",
    ],
)
def test_what_opens_sockets_is_kept_out_of_logs(line: str) -> None:
    secret = "Vq3_x-" * 8
    assert secret not in redact(line.format(secret))


def test_a_token_without_the_scope_subscribes_to_nothing(alice: User, api: Caller) -> None:
    session = api.session()
    few = shown("bearer", token(alice, "runs:read"))
    asked = [{"session": session}, {"user": True}]
    for frame in handshake(
        ELSEWHERE, *({"id": 1, "method": "subscribe", "params": params} for params in asked), **few
    ).frames:
        assert frame["error"]["code"] == "forbidden"
    by_path = handshake(ELSEWHERE, PING, PING, path=f"/ws/sessions/{session}/", **few)
    assert (by_path.code, json.dumps(by_path.frames).count("'sessions:read'")) == (4403, 1)


def test_a_socket_goes_on_with_another_token_of_the_same_person_only(alice: User, bob: User, api: Caller) -> None:
    session = api.session()
    first, second = token(alice, "sessions:read"), token(alice, "runs:read")
    frames = [
        {"id": 1, "method": "authenticate", "params": {"token": token(bob)}},
        {"id": 2, "method": "authenticate", "params": {"token": GARBAGE}},
        {"id": 3, "method": "subscribe", "params": {"session": session}},
        {"id": 4, "method": "authenticate", "params": {"token": second}},
        {"id": 5, "method": "subscribe", "params": {"session": session}},
    ]
    told = handshake(ELSEWHERE, *frames, **shown("bearer", first)).frames
    codes = [frame.get("error", {}).get("code") for frame in told if "id" in frame]
    assert codes[:4] == ["forbidden", "unauthenticated", None, None]
    assert codes[4:] in (["forbidden"], [])  # what it had is withdrawn, and with it the socket
