"""What open sockets do when rights become fewer; who watches; whose list changes. Over a real Redis."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from pytest_django.fixtures import Settings

from bus.database import in_thread
from bus.live.hub import hub
from bus.live.signals import access_changed
from sessions_app.models import Session
from tests.api.caller import Caller
from tests.api.handshake import headers_of
from tests.api.open_socket import Socket, open_socket, with_sockets

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = "http://testserver"


@pytest.fixture(autouse=True)
def no_watch(settings: Settings) -> None:
    """Whatever happens, the push did it."""
    settings.BUS_REAUTHENTICATE = 3600


def withdrawn(user: User) -> None:
    access_changed.send_robust(sender=None, actor=f"user:{user.pk}")


def shared(api: Caller, user: User) -> str:
    """A session of the caller's that this user may read."""
    session = api.session()
    answer = api.post(f"sessions/{session}/shares/", {"username": user.username, "role": "viewer"})
    assert answer.status_code == 201, answer.content
    return session


def test_a_login_that_ends_closes_its_sockets_and_no_others(alice: User) -> None:
    here, there = Client(), Client()
    here.force_login(alice)
    there.force_login(alice)

    async def main() -> None:
        async with open_socket(headers_of(here, ORIGIN)) as one, open_socket(headers_of(there, ORIGIN)) as other:
            await one.ask("ping")
            await other.ask("ping")
            await in_thread(SessionStore(here.cookies["sessionid"].value).flush)
            withdrawn(alice)
            assert await one.closed() == 4401
            assert await other.ask("ping") == {}

    with_sockets(main)


def test_what_was_withdrawn_before_this_process_listened_is_looked_for(alice: User) -> None:
    here = Client()
    here.force_login(alice)

    async def main() -> None:
        async with hub().line._lock, open_socket(headers_of(here, ORIGIN)) as socket:
            await socket.ask("ping")
            await in_thread(SessionStore(here.cookies["sessionid"].value).flush)
            hub().line._lock.release()
            assert await socket.closed() == 4401
            await hub().line._lock.acquire()

    with_sockets(main)


def test_a_subscription_ends_with_the_right_to_read_and_the_socket_with_the_last_one(bob: User, api: Caller) -> None:
    first, second, his = shared(api, bob), shared(api, bob), Caller(bob)

    async def main() -> None:
        async with open_socket(headers_of(his.client, ORIGIN)) as socket:
            for session in (first, second):
                await socket.ask("subscribe", session=session)
            await in_thread(api.delete, f"sessions/{first}/shares/{bob.pk}/")
            ended = await socket.hear(lambda frame: "ended" in frame)
            assert (ended["subscription"], ended["ended"]["code"]) == ("s1", 4403)
            assert await socket.ask("subscribe", session=first) == "not-found"
            await in_thread(api.say, second)
            await socket.hear(lambda frame: frame.get("subscription") == "s2" and "event" in frame)
            await in_thread(api.delete, f"sessions/{second}/shares/{bob.pk}/")
            assert await socket.closed() == 4403

    with_sockets(main)


def test_without_a_push_the_watch_finds_out(alice: User, bob: User, api: Caller, settings: Settings) -> None:
    settings.BUS_REAUTHENTICATE = 0.05
    session = api.session()

    async def main() -> None:
        async with open_socket(headers_of(api.client, ORIGIN), f"/ws/sessions/{session}/") as socket:
            await socket.hear(lambda frame: frame.get("id", 0) is None)
            await in_thread(lambda: Session.objects.filter(id=session).update(owner=bob))
            assert await socket.closed() == 4403

    with_sockets(main)


def test_a_token_that_expires_asks_the_client_to_come_back_with_another(alice: User) -> None:
    made = Caller(alice).post("tokens/", {"name": "t", "scopes": ["*"], "expires_in": 1}).json()["token"]

    async def main() -> None:
        async with open_socket([], protocols=("parley.v1", f"bearer.{made}")) as socket:
            assert await socket.closed() == 4005

    with_sockets(main)


def test_a_user_has_so_many_sockets_and_no_more(
    alice: User, api: Caller, bob_client: Client, settings: Settings
) -> None:
    settings.BUS_SOCKETS_PER_USER = 2
    headers = headers_of(api.client, ORIGIN)

    async def main() -> None:
        async with open_socket(headers) as one:
            async with open_socket(headers) as two, open_socket(headers_of(bob_client, ORIGIN)) as other:
                for socket in (one, two, other):
                    assert await socket.ask("ping") == {}
                async with open_socket(headers) as three:
                    assert await three.closed() == 4409
            async with open_socket(headers) as again:
                assert await again.ask("ping") == {}

    with_sockets(main)


def test_a_socket_that_sends_too_fast_is_told_to_come_back_slower(api: Caller, settings: Settings) -> None:
    settings.BUS_FRAMES_PER_SECOND = 1

    async def main() -> None:
        async with open_socket(headers_of(api.client, ORIGIN)) as socket:
            for _ in range(15):
                socket.given.put_nowait({"type": "websocket.receive", "text": '{"method": "ping"}'})
            assert await socket.closed() == 4013
            assert len(socket.heard) == 10

    with_sockets(main)


# -- projections ---------------------------------------------------------------------------------------------------


def test_a_subscriber_gets_the_fields_it_asked_for_and_always_type_and_version(api: Caller) -> None:
    session = api.session()

    async def main() -> None:
        async with open_socket(headers_of(api.client, ORIGIN)) as socket:
            for fields in (["data.role", "data.content.0", "actor.id", "nothing.there"], ["id"], []):
                await socket.ask("subscribe", session=session, fields=fields)
            await in_thread(api.say, session, "hello")
            frames = [await socket.hear(lambda frame: "event" in frame) for _ in range(3)]
            got = {frame["subscription"]: frame["event"] for frame in frames}
            whole = got["s3"]
            assert got["s1"] == {
                "type": "message-added",
                "version": 2,
                "data": {"role": "user"},
                "actor": {"id": whole["actor"]["id"]},
            }
            assert got["s2"] == {"type": "message-added", "version": 2, "id": whole["id"]}
            for wrong in (["a"] * 21, ["a..b"], [""], ["a b"], [".".join("a" * 9)]):
                assert await socket.ask("subscribe", session=session, fields=wrong) == "validation-failed"

    with_sockets(main)


# -- one's own list ------------------------------------------------------------------------------------------------


def test_whoever_follows_their_account_is_told_of_every_change_in_their_list(
    alice: User, bob: User, api: Caller
) -> None:
    old, his = api.session(title="old"), Caller(bob)

    async def main() -> None:
        async with open_socket(headers_of(api.client, ORIGIN)) as socket:
            assert await socket.ask("subscribe", user=True, session=old) == "validation-failed"
            assert (await socket.ask("subscribe", user=True))["subscription"] == "s1"
            await in_thread(api.patch, f"sessions/{old}/", {"title": "renamed"}, if_match="*")
            renamed = await socket.notice("session-listed", lambda notice: notice["session"]["title"] == "renamed")
            new = await in_thread(api.session)
            listed = await socket.notice("session-listed", lambda notice: notice["session"]["id"] == new)
            shown = (await in_thread(api.get, "sessions/")).json()["data"]
            assert [listed["session"], renamed["session"]] == shown
            await in_thread(his.session)
            await in_thread(api.delete, f"sessions/{old}/", if_match="*")
            assert (await socket.notice("session-unlisted"))["id"] == old
            assert {frame["notice"]["session"]["id"] for frame in socket.heard if "notice" in frame} <= {old, new}

    with_sockets(main)


def test_a_session_that_is_shared_comes_and_goes_in_the_list_of_whom_it_is_shared_with(bob: User, api: Caller) -> None:
    his = Caller(bob)

    async def main() -> None:
        async with open_socket(headers_of(his.client, ORIGIN)) as socket:
            await socket.ask("subscribe", user=True)
            session = await in_thread(shared, api, bob)
            listed = await socket.notice("session-listed")
            assert (listed["session"]["role"], listed["session"]["owner"]) == ("viewer", "alice")
            assert [listed["session"]] == (await in_thread(his.get, "sessions/?shared=true")).json()["data"]
            await in_thread(api.delete, f"sessions/{session}/shares/{bob.pk}/")
            assert (await socket.notice("session-unlisted"))["id"] == session
            other = await in_thread(shared, api, bob)
            await in_thread(api.delete, f"sessions/{session}/", if_match="*")  # which is not his to know any more
            await in_thread(api.delete, f"sessions/{other}/", if_match="*")
            assert (await socket.notice("session-unlisted"))["id"] == other

    with_sockets(main)


def test_what_happens_to_the_account_is_told_to_those_who_may_know(api: Caller) -> None:
    few = api.post("tokens/", {"name": "t", "scopes": ["sessions:read"]}).json()["token"]

    async def main() -> None:
        async with (
            open_socket(headers_of(api.client, ORIGIN)) as socket,
            open_socket([], protocols=("parley.v1", f"bearer.{few}")) as limited,
        ):
            await socket.ask("subscribe", user=True, topics=["token-*"])
            await limited.ask("subscribe", user=True)
            await in_thread(api.post, "tokens/", {"name": "new", "scopes": ["*"]})
            event = (await socket.hear(lambda frame: "event" in frame))["event"]
            assert (event["type"], event["data"]["name"]) == ("token-created", "new")
            new = await in_thread(api.session)
            assert (await limited.notice("session-listed"))["session"]["id"] == new
            assert limited.heard == []

    with_sockets(main)


# -- presence --------------------------------------------------------------------------------------------------------


async def watching(socket: Socket, *expected: tuple[str, int]) -> None:
    """Waits until the socket has been told that just these watch."""
    wanted = [{"actor": {"type": "user", "id": user}, "sockets": count} for user, count in expected]
    await socket.notice("presence-changed", lambda notice: notice["watchers"] == wanted)


def test_who_watches_a_session_is_told_to_those_who_asked(alice: User, api: Caller, bob_client: Client) -> None:
    session, her = api.session(), str(alice.pk)
    headers = headers_of(api.client, ORIGIN)

    async def main() -> None:
        async with open_socket(headers) as one:
            await one.ask("subscribe", session=session, presence=True)
            await watching(one, (her, 1))
            async with open_socket(headers) as two:
                await two.ask("subscribe", session=session)
                await two.ask("subscribe", session=session)  # one socket all the same
                await watching(one, (her, 2))
                told: dict[str, Any] = await two.ask("presence", session=session)
                assert [watcher["sockets"] for watcher in told["watchers"]] == [2]
                assert not [frame for frame in two.heard if "notice" in frame]
            await watching(one, (her, 1))
        async with open_socket(headers_of(bob_client, ORIGIN)) as stranger:
            assert await stranger.ask("presence", session=session) == "not-found"

    with_sockets(main)


def test_nobody_can_tell_who_watches_without_redis(api: Caller, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    session = api.session()

    async def main() -> None:
        async with open_socket(headers_of(api.client, ORIGIN)) as socket:
            await socket.ask("subscribe", session=session, presence=True)
            assert await socket.ask("presence", session=session) == {"watchers": None}

    with_sockets(main)
