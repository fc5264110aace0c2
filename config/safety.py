"""What the settings refuse to boot with, once others can reach the server. Called by the settings."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_PRIVATE = (".localhost", ".local", ".lan", ".internal", ".home.arpa", ".test")
"""Names that no public name server answers for (RFC 6761, 6762, 8375; .internal by ICANN 2024; .lan by custom)."""
_SECRET_LENGTH = 50
_SECRET_CHARACTERS = 5
"""As Django's own check security.W009."""


def refuse_unsafe(public_url: str, *, debug: bool, secret: str) -> None:
    """Raises ImproperlyConfigured, with the name of the variable, for what would let others in."""
    public = urlsplit(public_url)
    host = public.hostname or ""
    if debug and not is_here(host):
        raise ImproperlyConfigured(f"DEBUG shows settings and code to whoever reaches {host}; it is for localhost.")
    if public.scheme != "https" and is_public(host):
        raise ImproperlyConfigured(
            f"PUBLIC_URL is {public_url!r}: cookies and passwords would go unencrypted; use https."
        )
    if len(secret) < _SECRET_LENGTH or len(set(secret)) < _SECRET_CHARACTERS or secret.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            f"SECRET_KEY can be guessed; use {_SECRET_LENGTH} random characters, or leave it unset."
        )


def is_here(host: str) -> bool:
    """Whether the name is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_public(host: str) -> bool:
    """Whether the name is one of the internet's: an address that is routed there, or a name with a dot."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host.strip(".") and not host.rstrip(".").endswith(_PRIVATE)
