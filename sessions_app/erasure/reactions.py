"""What goes with a session that is erased, in the same transaction: not rows of projections, which a replay would have
to rebuild, but the log itself and all that is kept beside it. What plugins keep, they forget by the same event."""

from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import CASCADE

from bus import sql
from bus.log import erasure
from bus.messages import Envelope
from bus.models import StoredEvent
from bus.registry import reacts_to
from sessions_app import events
from sessions_app.exchange.spoiling import spoil
from sessions_app.llm import chunks
from sessions_app.models import Export, Memory, Session

_ASKED = (
    "DELETE FROM bus_idempotency WHERE principal = %(actor)s RETURNING 1",
    "DELETE FROM bus_work WHERE actor = %(actor)s AND finished_at IS NOT NULL RETURNING 1",
)


@reacts_to(events.UserErased, required=True)
def erase_user(event: events.UserErased, envelope: Envelope) -> None:
    """What they asked, what the account's log says, and what would go with the row of the account: it stays, since
    others' logs name its number, but nothing is left in it."""
    user_id = event.user_id
    erasure.erase(envelope.stream, envelope.version - 1, envelope.causation_id or envelope.id, [])
    for statement in _ASKED:
        sql.fetch(statement, {"actor": f"user:{user_id}"})
    Memory.objects.filter(owner=user_id).delete()
    LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user_id)).delete()
    spoil(user_id)
    for relation in User._meta.related_objects:
        if getattr(relation, "on_delete", None) is CASCADE and relation.related_model is not Export:
            relation.related_model._base_manager.filter(**{relation.field.name: user_id}).delete()
    nobody = {"username": f"erased-{user_id}", "first_name": "", "last_name": "", "email": ""}
    rights = {"is_active": False, "is_staff": False, "is_superuser": False, "password": make_password(None)}
    User.objects.filter(id=user_id).update(**nobody, **rights)


@reacts_to(events.SessionErased, required=True)
def erase(event: events.SessionErased, envelope: Envelope) -> None:
    """Who acted in the session, or was its owner, could read it."""
    acted = StoredEvent.objects.filter(stream=envelope.stream, actor__startswith="user:")
    people = {*acted.values_list("actor", flat=True).distinct(), f"user:{event.owner_id}"}
    cause = envelope.causation_id or envelope.id
    erasure.erase(envelope.stream, envelope.version - 1, cause, people)
    chunks.prune()
    if event.owner_id is not None:
        deleted = StoredEvent.objects.filter(stream=envelope.stream, type="session-deleted").order_by("version").first()
        spoil(event.owner_id, deleted.recorded_at if deleted else None)
    about = ContentType.objects.get_for_model(Session)
    said = LogEntry.objects.filter(content_type=about, object_id=str(envelope.stream))
    said.update(object_repr=str(envelope.stream), change_message="")
