"""The Django signals between a commit and everybody who wants to know. Receivers must not wait for a network."""

from django.dispatch import Signal

events_recorded = Signal()
"""Sent once per committed command with `envelopes: list[Envelope]` of one session, in version order."""

notice_told = Signal()
"""Sent with `notice: Notice`: something to show that is not stored."""

access_changed = Signal()
"""Sent after the commit with `actor: str` (`user:7`), whose rights have become fewer: what they hold open must look
again whether it may go on."""
