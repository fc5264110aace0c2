"""What goes with a session that is erased, in the same transaction: not rows of projections, which a replay would have
to rebuild, but the log itself and all that is kept beside it. What plugins keep, they forget by the same event."""

from uuid import UUID

from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import CASCADE, Q
from django.db.models.functions import Now

from bus import sql
from bus.log import erasure
from bus.messages import Envelope
from bus.models import StoredEvent
from bus.registry import reacts_to
from sessions_app import events
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
    _withdraw(Q(user=user_id))
    for relation in User._meta.related_objects:
        if getattr(relation, "on_delete", None) is CASCADE and relation.related_model is not Export:
            relation.related_model._base_manager.filter(**{relation.field.name: user_id}).delete()
    name = User.objects.values_list("username", flat=True).get(id=user_id)
    AccessAttempt.objects.filter(username=name).delete()
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
    _withdraw(Q(user=event.owner_id) & _while_it_was_there(envelope.stream))
    about = ContentType.objects.get_for_model(Session)
    said = LogEntry.objects.filter(content_type=about, object_id=str(envelope.stream))
    said.update(object_repr=str(envelope.stream), change_message="")


def _withdraw(archives: Q) -> None:
    """These archives of all of a user's sessions are not to be had any more. Their rows stay until their files are
    gone, which `exchange.bulk` sees to next: what no row leads to would stay for ever."""
    Export.objects.filter(archives).update(
        state=Export.State.FAILED, error="What was in it has been erased.", finished_at=Now(), expires_at=Now()
    )


def _while_it_was_there(session: UUID) -> Q:
    """Archives that may have the session in them."""
    deleted = StoredEvent.objects.filter(stream=session, type=events.SessionDeleted.type)
    at = deleted.values_list("recorded_at", flat=True).first()
    return Q() if at is None else Q(created_at__lte=at)
