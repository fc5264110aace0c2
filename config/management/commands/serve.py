"""Serve HTTP and WebSockets."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.server import serve
from config.supervisor import follow_supervisor


class Command(BaseCommand):
    help = "Serve HTTP and WebSockets with uvicorn, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        follow_supervisor()
        serve(host, port)
