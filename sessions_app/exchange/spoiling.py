"""Archives that hold what has been erased: nobody gets them any more, and their files go with the next pruning."""

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Now

from sessions_app.models import Export

OPEN = (Export.State.QUEUED, Export.State.RUNNING)


def spoil(user_id: int, until: datetime | None = None) -> None:
    """All of a user's archives, also those that are being made; `until`: only those begun before then. The rows stay:
    they lead to the files."""
    spoiled: QuerySet[Export] = Export.objects.filter(user_id=user_id)
    if until is not None:
        spoiled = spoiled.filter(created_at__lt=until)
    said = "Something in it was erased; have another one made."
    spoiled.update(state=Export.State.FAILED, error=said, expires_at=Now())
