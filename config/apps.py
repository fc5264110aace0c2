"""The project as an app: holds the management commands that run the servers."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "config"
    label = "project"

    def ready(self) -> None:
        from config import (
            celery,  # noqa: F401  (the web must know the application it sends hints to)
            tracing,
        )

        tracing.configure()
