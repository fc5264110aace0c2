"""Run a Celery worker with its sweeper."""

import warnings
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.celery import app
from config.supervisor import follow_supervisor


class Command(BaseCommand):
    help = "Run commands and LLM calls: a Celery worker (threads) with the sweeper that stands behind the broker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--name", default="parley@%h", help="Celery's node name; give each worker of a host its own"
        )

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        follow_supervisor()
        # Celery warns of root because of pickle; only JSON is accepted here
        warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
        app.worker_main(
            [
                "--quiet",
                "worker",
                "--pool=threads",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                "-n",
                name,
            ]
        )
