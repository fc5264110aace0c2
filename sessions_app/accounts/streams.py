"""The stream of an account: what happens to a user's logins and tokens has a log of its own, beside the sessions'."""

from uuid import UUID

_FAMILY = 0x7061726C65798ACC << 64 | 1 << 63
"""`parley` and a version-8 UUID's marks; the user's number fills the rest (decision 9)."""
_LARGEST = 2**62


def stream_of(user_id: int) -> UUID:
    """The stream of that user's account. No session has such an id: the guard refuses to begin one."""
    return UUID(int=_FAMILY | user_id)


def user_of(stream: UUID) -> int | None:
    """The inverse; None for what is no account's stream."""
    user_id = stream.int ^ _FAMILY
    return user_id if user_id < _LARGEST else None


SERVER = stream_of(0)
"""What operators change of the server itself is told there. Nobody has the number 0."""
