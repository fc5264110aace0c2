"""The guard at the one door: a command that names a session is refused unless its actor may do with it what the command
needs."""

from uuid import UUID

from bus.exceptions import Forbidden, InsufficientScope
from bus.messages import Command, Context
from bus.registry import Condition, Guard
from sessions_app import queries, rights
from sessions_app.accounts import scopes
from sessions_app.accounts.streams import user_of


def check(command: Command, context: Context) -> None:
    """Raises NotFound for a session the actor may not read, Forbidden for what the actor may not do with it, for
    commands of operators, and for those that the actor's token does not allow."""
    actor = context.actor
    lacking = scopes.missing(command.needs(), context.scopes)
    if lacking:
        raise InsufficientScope(lacking)
    if (command.staff_only or not (command.public or command.for_others)) and actor.type not in rights.ALL_SEEING:
        raise Forbidden(f"{command.type} is for operators.")
    if command.session_id is not None and user_of(UUID(str(command.session_id))) is not None:
        raise queries.no_session(command.session_id)  # nor can one begin where an account's log is
    if command.session_id is None or command.creates or command.tolerates_absence:
        return  # creates: the name is checked where the session is made; absence: the handler looks for itself
    queries.check_allowed(actor, command.session_id, command.access)


def condition(command: Command, context: Context) -> Condition | None:
    """The same, of the stream about to grow."""
    if command.staff_only or not command.public or command.access != "change":
        return None
    if scopes.missing(command.needs(), context.scopes):
        return None
    return rights.to_change(context.actor)


GUARD = Guard(check, condition)
