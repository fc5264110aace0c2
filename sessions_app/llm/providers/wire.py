"""What the wire formats of all providers have in common: JSON of theirs, tool calls in pieces, addresses of images."""

import json
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from sessions_app.llm import addresses
from sessions_app.llm.addresses import NotAllowed
from sessions_app.llm.base import ProviderError, ToolCall
from sessions_app.llm.providers.failures import failure
from sessions_app.values import ImagePart

MOST_ARGUMENTS = 1_048_576
"""Characters of one answer's tool calls."""
T = TypeVar("T")


def malformed() -> ProviderError:
    """The provider sent what is not its own format."""
    return failure("malformed", "The provider sent something that cannot be read.")


def decode(data: bytes, decoder: msgspec.json.Decoder[T], kind: type[T]) -> T:
    """One event. Half a surrogate or broken UTF-8, which some servers send, costs the character only."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return msgspec.convert(json.loads(data.decode("utf-8", "replace")), kind)
    except (ValueError, RecursionError):
        raise malformed() from None


class Calls:
    """Tool calls in the making, by the provider's own number for them."""

    def __init__(self) -> None:
        self._made: dict[Any, list[str]] = {}
        self._size = 0

    def begin(self, key: Any, call_id: str, name: str) -> None:
        """Another call."""
        self._made[key] = [call_id, name, ""]

    def known(self, key: Any) -> str | None:
        """The id of that call; None where there is none yet."""
        return self._made[key][0] if key in self._made else None

    def add(self, key: Any, *, name: str = "", raw: str = "") -> None:
        """More of its name or its arguments. Raises ProviderError for a call that never began, or without an end."""
        if key not in self._made:
            raise malformed()
        self._size += len(raw)
        if self._size > MOST_ARGUMENTS:
            raise malformed()
        self._made[key][1] += name
        self._made[key][2] += raw

    def whole(self) -> list[ToolCall]:
        """All of them, in the order in which they began."""
        return [
            ToolCall(tool_call_id=call_id or f"call-{uuid4().hex}", name=name, args=arguments(raw), raw=raw)
            for call_id, name, raw in self._made.values()
        ]


def arguments(raw: str) -> dict[str, Any] | None:
    """The arguments as an object; none at all are an empty one; None for anything else."""
    if not raw.strip():
        return {}
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def image_address(part: ImagePart) -> str:
    """Its address, if a provider may be sent there: public http(s), or the image itself as data:image/….

    A model server in our own network would fetch the address for whoever wrote the message."""
    if part.url.startswith("data:image/"):
        return part.url
    try:
        place = addresses.origin(part.url)
        addresses.check_origin(place._replace(scheme="https"))
    except NotAllowed:
        raise failure("refused", "An image needs a public address, or to be data:image/… itself.") from None
    return part.url


def count(number: int | None) -> int:
    """A number of tokens; what is missing or negative counts as none."""
    return max(number or 0, 0)
