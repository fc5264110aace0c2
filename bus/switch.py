"""Whether plugins act, and what is made of how they do: asked by the registry, the transaction and the deliveries.

The bus alone keeps no switches; the application gives its registry one that does."""


class Switch:
    """All plugins are on, and nobody counts. Names are those under which plugins were loaded; "" is no plugin."""

    slow = 0.0
    """Seconds a plugin's reaction may take before it is warned of; 0: any time."""

    def off(self, plugin: str) -> bool:
        """Whether a plugin is switched off. Asked often: it must not cost a query each time."""
        return False

    def failed(self, plugin: str, where: str, error: str) -> None:
        """A plugin's reaction or subscriber raised. Called where it did, in its transaction if it had one."""

    def worked(self, plugin: str, where: str) -> None:
        """That reaction or subscriber of a plugin did its work."""
