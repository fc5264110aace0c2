"""What follows for the user when an account is disabled or enabled. Users are Django's, no projection: a replay leaves
them as they are."""

from django.contrib.auth.models import User

from bus.messages import Envelope
from bus.registry import reacts_to
from sessions_app import events


@reacts_to(events.AccountDisabled, events.AccountEnabled, required=True)
def switch(event: events.AccountDisabled | events.AccountEnabled, envelope: Envelope) -> None:
    """The user may log in, or may not. Where it was the user's row that was changed first, it says so already."""
    active = isinstance(event, events.AccountEnabled)
    User.objects.filter(id=event.user_id).exclude(is_active=active).update(is_active=active)
