"""A Redis URL as Celery spells it. Called by the settings."""

from urllib.parse import parse_qsl


def celery_url(url: str) -> str:
    """The broker URL for a Redis URL: the same, but a Unix socket is another scheme to kombu."""
    if not url.startswith("unix://"):
        return url
    address, _, query = url.partition("?")
    database = dict(parse_qsl(query)).get("db", "0")
    return f"{address.replace('unix', 'redis+socket', 1)}?virtual_host={database}"
