"""The process's clients of the providers: one for each, kept as long as its key stays the same. On the process loop."""

import asyncio

from django.conf import settings

from bus.database import in_thread
from bus.loop import submit
from sessions_app.llm import catalog, keys
from sessions_app.llm.base import Credentials, Provider, ProviderError

_clients: dict[str, tuple[Credentials, Provider]] = {}
_closing: set[asyncio.Task[None]] = set()


async def ready(provider_name: str) -> Provider:
    """The client of a provider with the key it has now. Raises ProviderError."""
    if provider_name not in settings.LLM_PROVIDERS:
        detail = f"The provider {provider_name!r} is not configured on this server."
        raise ProviderError(detail, code="not-configured", permanent=True)
    key = keys.fresh(provider_name)
    return client(provider_name, key if key is not None else await in_thread(keys.credentials, provider_name))


def client(provider_name: str, credentials: Credentials) -> Provider:
    """The client of a provider with this key. The one with the key before is closed once its answers must be over."""
    kept = _clients.get(provider_name)
    if kept is not None and kept[0] == credentials:
        return kept[1]
    if kept is not None:
        task = asyncio.get_running_loop().create_task(_close_later(kept[1]))
        _closing.add(task)
        task.add_done_callback(_closing.discard)
    made = catalog.kind(provider_name)(credentials)
    _clients[provider_name] = (credentials, made)
    return made


async def _close_later(old: Provider) -> None:
    await asyncio.sleep(settings.RUN_TIMEOUT)
    await old.aclose()


def close() -> None:
    """Close them all; the process ends, nothing is answered any more."""
    submit(_close_all()).result(timeout=10)


async def _close_all() -> None:
    while _clients:
        _, (_, kept) = _clients.popitem()
        await kept.aclose()
