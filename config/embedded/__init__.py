"""A private PostgreSQL and Redis for a machine that has neither, from the binaries in two wheels.

Called by the settings (for the URLs), `manage.py up` and the tests (to start and stop); see `servers.py`."""

from .errors import EmbeddedError
from .servers import EmbeddedServers

__all__ = ["EmbeddedError", "EmbeddedServers"]
