"""What can have happened to how long a session is kept."""

from datetime import date
from decimal import Decimal

from bus.messages import Event
from sessions_app.values import Value


class KeptUsage(Value):
    """What a day's requests to one model used and cost (USD, null unknown), all of a session together."""

    day: date
    provider: str
    model: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: Decimal | None


class SessionErased(Event):
    """Everything the session said is gone, also from the log before this event. `counts` says how many of each kind,
    `sha256` is over the hashes of the events, which are left in their places; `usage` names nobody."""

    owner_id: int | None
    counts: dict[str, int]
    sha256: str
    usage: list[KeptUsage]


class UserErased(Event):
    """What was known of the account's user is gone, also from the account's log."""

    user_id: int
    counts: dict[str, int]
    sha256: str


class RetentionSet(Event):
    """So many days after its last change the session is erased (0: never, null: as the server has it)."""

    days: int | None
