"""The one parser of REST bodies: bounded, strict, and what it lets through can be stored."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.parsers import BaseParser

from bus import untrusted
from bus.exceptions import TooLarge


class HardenedJSONParser(BaseParser):
    """JSON through `bus.untrusted`; an empty body is an empty object."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The decoded body. Raises TooLarge or Malformed."""
        try:
            body = stream.read(settings.BODY_LIMIT + 1)
        except RequestDataTooBig:
            raise TooLarge(f"The body may have at most {settings.BODY_LIMIT} bytes.") from None
        return untrusted.decode(body, limit=settings.BODY_LIMIT) if body else {}
