"""Django's admin with our site in the place of its own."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    default_site = "sessions_app.console.site.Console"
