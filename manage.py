#!/usr/bin/env python
"""The command line. Starts the embedded PostgreSQL and Redis for every command that needs them."""

import os
import sys

WITHOUT_SERVERS = {"help", "makemessages", "compilemessages", "collectstatic", "findstatic", "--help", "--version"}


def main() -> None:
    """Run a management command, with the embedded servers around it where none are configured."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    from config.embedded import EmbeddedError

    if len(sys.argv) < 2 or sys.argv[1] in WITHOUT_SERVERS or "--help" in sys.argv:
        execute_from_command_line(sys.argv)
        return
    try:
        with settings.EMBEDDED:
            execute_from_command_line(sys.argv)
    except EmbeddedError as error:
        sys.exit(f"parley: {error}")


if __name__ == "__main__":
    main()
