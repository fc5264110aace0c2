"""Tells whoever holds something open that somebody's rights have become fewer, once that is committed."""

from typing import Any

from django.dispatch import receiver

from bus.live.signals import access_changed, events_recorded
from bus.messages import Envelope
from sessions_app import events

FEWER = {kind.type for kind in (events.SessionUnshared, events.SessionShared, events.SessionErased, events.UserErased)}
"""Sharing again may have made an editor a viewer; what is erased is not its owner's to read either."""


@receiver(events_recorded, dispatch_uid="sharing")
def withdraw(envelopes: list[Envelope], **_: Any) -> None:
    """One signal for each person."""
    for envelope in envelopes:
        if envelope.type in FEWER:
            person = envelope.fields().get("user_id") or envelope.fields().get("owner_id")
            access_changed.send_robust(sender=withdraw, actor=f"user:{person}")
