"""The security log of each account: who logged in, who could not, what changed. Listens to Django, which alone knows;
every face of it (pages, admin, commands of `manage.py`, other apps) is heard."""

from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.models import User
from django.db.models.signals import post_save, pre_save
from django.http import HttpRequest

from bus.bus import bus
from bus.exceptions import StreamNotFound
from bus.live.signals import access_changed, events_recorded
from bus.messages import SYSTEM, Actor, Context, Envelope
from sessions_app.accounts.streams import user_of
from sessions_app.commands import NoteAccount, Noted

FEWER_RIGHTS = frozenset({"token-revoked", "logged-out", "password-changed", "account-disabled"})
"""After these, what somebody holds open must look again."""


def connect() -> None:
    """Listen; called once, when the apps are ready."""
    signals.user_logged_in.connect(_logged_in)
    signals.user_login_failed.connect(_login_failed)
    signals.user_logged_out.connect(_logged_out)
    pre_save.connect(_about_to_save, sender=User)
    post_save.connect(_saved, sender=User)
    events_recorded.connect(_tell_of_fewer_rights)


def address_of(request: HttpRequest | None) -> str:
    """Where a request comes from. Behind a trusted proxy that is what the proxy has added to X-Forwarded-For."""
    if request is None:
        return ""
    passed_on = request.headers.get("X-Forwarded-For", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    for text in (passed_on.rpartition(",")[2].strip(), request.META.get("REMOTE_ADDR", "")):
        with suppress(ValueError):
            return str(ip_address(text))
    return ""


def client_of(request: HttpRequest) -> str | None:
    """The same for `axes`, which wants None for what nobody knows."""
    return address_of(request) or None


def note(user_id: int, what: Noted, actor: Actor = SYSTEM, request: HttpRequest | None = None) -> None:
    """Record that this happened to the account, unless it was erased: it has no log any more."""
    command = NoteAccount(user_id=user_id, what=what, address=address_of(request))
    with suppress(StreamNotFound):
        bus.execute(command, Context(actor=actor, correlation_id=getattr(request, "request_id", "")))


def _logged_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    note(user.pk, "login-succeeded", Actor("user", str(user.pk)), request)


def _logged_out(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        note(user.pk, "logged-out", Actor("user", str(user.pk)), request)


def _login_failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Of a name that somebody has; once the door is shut (`axes`), what knocks is not written down any more."""
    name = credentials.get("username")
    if not isinstance(name, str) or "\x00" in name or getattr(request, "axes_locked_out", False):
        return
    user = get_user_model().objects.filter(username=name).only("id").first()
    if user is not None:
        note(user.pk, "login-failed", request=request)


def _about_to_save(sender: Any, instance: User, update_fields: frozenset[str] | None = None, **_: Any) -> None:
    """Keep what it was, where that may change: whoever saves a user need not have looked."""
    before = None
    if not instance._state.adding and (update_fields is None or {"is_active", "password"} & set(update_fields)):
        before = User.objects.filter(pk=instance.pk).only("is_active", "password").first()
    instance._before = before  # type: ignore[attr-defined]


def _saved(sender: Any, instance: User, **_: Any) -> None:
    before: User | None = getattr(instance, "_before", None)
    if before is None:
        return
    if before.is_active != instance.is_active:
        note(instance.pk, "account-enabled" if instance.is_active else "account-disabled")
    # a hash that is only made anew, at a login, is no change: Django forgets the password then before it saves
    if before.password != instance.password and instance._password is not None:  # type: ignore[attr-defined]
        note(instance.pk, "password-changed")


def _tell_of_fewer_rights(sender: Any, envelopes: list[Envelope], **_: Any) -> None:
    for envelope in envelopes:
        if envelope.type in FEWER_RIGHTS:
            access_changed.send_robust(sender=sender, actor=f"user:{user_of(envelope.stream)}")
