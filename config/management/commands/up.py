"""Everything on one machine: migrate, start web and worker, print one login link."""

import http.client
import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from config.supervisor import Child, Supervisor, wait_until
from sessions_app.login_link import make_link


class Command(BaseCommand):
    help = "Run everything on this machine (web, worker, embedded PostgreSQL and Redis) until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        public = urlsplit(settings.PUBLIC_URL)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=public.port or 8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        call_command("check", fail_level="ERROR")
        call_command("migrate", interactive=False, verbosity=0)
        link = self._link()
        connections.close_all()
        supervisor = Supervisor(
            [
                Child("web", ("serve", "--host", host, "--port", str(port))),
                Child("worker", ("worker",)),
            ]
        )
        supervisor.start()
        if wait_until(lambda: ready(host, port) or supervisor.stopping, deadline=60) and not supervisor.stopping:
            self.stdout.write(f"\n  Parley is running. Log in here (once, within the hour):\n\n  {link}\n")
            self.stdout.write("  Ctrl-C stops it; your data stays in var/.\n\n")
            sys.stdout.flush()
        elif not supervisor.stopping:
            supervisor.stop()
            raise CommandError(f"The web server did not get ready on {host}:{port}; see the messages above.")
        supervisor.run()

    def _link(self) -> str:
        """A login link for the first superuser, who is made on the first start."""
        users = get_user_model().objects
        user = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if user is None:
            user = users.create_superuser("admin", password=None)
        return make_link(user)


def ready(host: str, port: int) -> bool:
    """Whether the web server says it is ready."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": urlsplit(settings.PUBLIC_URL).netloc})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
