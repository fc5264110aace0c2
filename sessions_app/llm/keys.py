"""Where a provider's key comes from: a saved one, encrypted in the database, else the environment.

Asked from threads, not from the event loop: it reads the database. What is sealed is the key together with the place it
was saved for, so that a row whose address is changed behind our back opens nothing."""

import time
from base64 import urlsafe_b64encode
from functools import lru_cache

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from sessions_app.llm.base import Credentials, ProviderError
from sessions_app.models import ProviderKey

REREAD_SECONDS = 3.0
"""How long a process may go on with a key that was changed in another."""
LEAST_HINTED = 12
"""Characters; of a shorter key even its end would say too much."""


class Sealed(msgspec.Struct, frozen=True):
    """What is encrypted."""

    provider: str
    base_url: str
    api_key: str


_read: dict[str, tuple[float, Credentials]] = {}
_given: dict[str, str] = {}


def credentials(provider_name: str) -> Credentials:
    """The key of that provider and the place it may be sent to; both empty where there is none.

    Raises ProviderError when there is a saved key that cannot be opened: another key is no substitute for it."""
    if (known := fresh(provider_name)) is not None:
        return known
    began = time.monotonic()
    row = ProviderKey.objects.filter(provider=provider_name).first()
    found = _from_environment(provider_name) if row is None else opened(row)
    _read[provider_name] = (began + REREAD_SECONDS, found)
    return found


def fresh(provider_name: str) -> Credentials | None:
    """The same from memory, without the database; None where it must be read (again)."""
    known = _read.get(provider_name)
    return known[1] if known is not None and time.monotonic() < known[0] else None


def use(provider_name: str, api_key: str) -> None:
    """Use this key in this process, until it ends, instead of the one of the environment: for scripts that bring their
    own. A saved one comes before it."""
    _given[provider_name] = api_key
    forget()


def forget() -> None:
    """Read again at the next question."""
    _read.clear()


def _from_environment(provider_name: str) -> Credentials:
    return Credentials(
        api_key=_given.get(provider_name) or settings.LLM_KEYS.get(provider_name, ""),
        base_url=settings.LLM_BASE_URLS.get(provider_name, ""),
    )


def seal(row: ProviderKey, api_key: str) -> None:
    """Put a key into a row, for the provider and the place that stand there now."""
    plain = msgspec.json.encode(Sealed(provider=row.provider, base_url=row.base_url, api_key=api_key))
    row.secret = _box().encrypt(plain).decode()
    row.hint = api_key[-4:] if len(api_key) >= LEAST_HINTED else ""


def opened(row: ProviderKey) -> Credentials:
    """What a row holds. Raises ProviderError when it cannot be read or was sealed for another place."""
    try:
        sealed = msgspec.json.decode(_box().decrypt(row.secret.encode()), type=Sealed)
    except InvalidToken:
        raise _closed(row, "it was encrypted with another secret") from None
    if (sealed.provider, sealed.base_url) != (row.provider, row.base_url):
        raise _closed(row, "it was saved for another place")
    return Credentials(api_key=sealed.api_key, base_url=sealed.base_url)


def _closed(row: ProviderKey, why: str) -> ProviderError:
    detail = f"The saved key of {row.provider} cannot be used: {why}. An operator has to enter it again."
    return ProviderError(detail, code="not-configured", permanent=True)


def _box() -> MultiFernet:
    return _box_of(tuple(settings.PROVIDER_KEY_SECRETS) or (settings.SECRET_KEY,))


@lru_cache(maxsize=4)
def _box_of(secrets: tuple[str, ...]) -> MultiFernet:
    """The first secret encrypts, each may decrypt: so they are changed without entering every key again."""
    return MultiFernet([Fernet(urlsafe_b64encode(_derived(secret))) for secret in secrets])


def _derived(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"parley provider keys").derive(secret.encode())
