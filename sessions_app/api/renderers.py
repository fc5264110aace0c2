"""Answers as JSON, encoded by msgspec; and as CSV, which a view has written itself."""

from typing import Any

import msgspec
from rest_framework.renderers import BaseRenderer


class JSONRenderer(BaseRenderer):
    """JSON; already encoded bytes go out as they are."""

    media_type = "application/json"
    format = "json"
    charset: str | None = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The body's bytes."""
        if data is None:
            return b""
        return data if isinstance(data, bytes) else msgspec.json.encode(data)


class CSVRenderer(JSONRenderer):
    """CSV of a view that offers it: its bytes go out as they are. Refusals are JSON here, too."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"
