"""The one error of this package; raised by all its modules, shown to people as it is."""


class EmbeddedError(RuntimeError):
    """The embedded servers cannot be used; the message says what was wrong and what to do."""
