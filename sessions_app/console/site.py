"""The admin's site. Made by Django, as `apps.ConsoleConfig` says."""

from typing import Any

from django.urls import path
from unfold.sites import UnfoldAdminSite


class Console(UnfoldAdminSite):  # type: ignore[misc]  # untyped
    """Unfold's, with our own pages."""

    index_title = "Parley"

    def extra_urls(self) -> list[Any]:
        """The pages that are no model's."""
        from sessions_app.console import pages

        return [path(address, self.admin_view(view), name=name) for address, view, name in pages.PAGES]
