"""All other providers, through Pydantic AI's models: `google:gemini-…`, `mistral:…`. Needs `parley[pydantic-ai]`.

A saved key goes to the saved address only; without one, Pydantic AI takes each provider's own from the environment."""

import asyncio
import inspect
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any, ClassVar

from sessions_app.llm.addresses import NotAllowed
from sessions_app.llm.base import Credentials, Piece, ProviderError, Request, TextDelta
from sessions_app.llm.providers import failures
from sessions_app.llm.providers.http import NO_KEY, check_options

REFUSED = frozenset({"timeout", "extra_headers", "extra_body", "api_key", "base_url", "http_client", "headers"})

NOT_THEIRS = (TypeError, ValueError, LookupError, AttributeError)
"""What its readers stumble with over an answer that has not the shape they expect."""


class PydanticAIProvider:
    """Streams from the model of the name `provider:model`."""

    name: ClassVar[str] = "pydantic_ai"
    windows: ClassVar[dict[str, int]] = {}
    free: ClassVar[bool] = False

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._providers: dict[str, Any] = {}
        self._clients: list[Any] = []
        self._opening = asyncio.Lock()

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """The answer, piece by piece. Closing it closes the connection."""
        check_options(request, REFUSED)
        async with self._opening:
            model = await asyncio.to_thread(self._model, request.model)
        asked = self._wire.asked(request)
        failed: ProviderError | None = None
        try:
            async with model.request_stream(*asked) as answer:
                async for event in answer:
                    if text := self._wire.text(event):
                        yield TextDelta(text)
                for piece in self._wire.end(answer.get()):
                    yield piece
        except self._expected as error:
            failed = self._failure(error)
        if failed is not None:  # raised out here, without the library's error and its request behind it
            raise failed

    async def aclose(self) -> None:
        """Close the clients."""
        for client in self._clients:
            await client.aclose()

    def _model(self, name: str) -> Any:
        """The model, made in a thread: the libraries of its provider are imported with it."""
        if self._credentials.api_key and not self._credentials.base_url:
            raise failures.failure("not-configured", "A key for pydantic_ai is saved with the address it belongs to.")
        try:
            library = import_module("pydantic_ai.models")
            self._wire = import_module("sessions_app.llm.providers.pydantic_ai_wire")
        except ImportError:
            raise failures.failure(
                "not-configured", "Pydantic AI is not installed on this server: pip install 'parley[pydantic-ai]'."
            ) from None
        self._egress = import_module("sessions_app.llm.egress")
        self._errors = import_module("pydantic_ai.exceptions")
        known = (self._errors.AgentRunError, self._errors.UserError, NotAllowed)
        self._expected = (*known, *self._egress.FAILURES, *NOT_THEIRS)
        if ":" not in name:
            raise failures.failure("refused", "A model of pydantic_ai is named provider:model.")
        try:
            return library.infer_model(name, provider_factory=self._provider)
        except (*known, ImportError, ValueError, TypeError) as error:
            said = failures.redacted(str(error), self._credentials.api_key)[: failures.LONGEST_DETAIL]
            raise failures.failure("not-configured", f"Pydantic AI cannot use {name!r}: {said}") from None

    def _provider(self, name: str) -> Any:
        """One of Pydantic AI's providers, on our HTTP client. One that would bring its own is not used."""
        if name not in self._providers:
            kind = import_module("pydantic_ai.providers").infer_provider_class(name)
            takes = inspect.signature(kind).parameters
            if "http_client" not in takes:
                raise NotAllowed("it does not let the server choose how it connects.")
            client = self._egress.client(self._credentials.base_url)
            self._clients.append(client)
            said = {}
            if self._credentials.base_url:  # the key of the environment must not go to the saved address
                said = {"base_url": self._credentials.base_url, "api_key": self._credentials.api_key or NO_KEY}
            made = kind(http_client=client, **{key: value for key, value in said.items() if key in takes})
            if hasattr(made.client, "max_retries"):
                made.client.max_retries = 0  # the engine retries
            self._providers[name] = made
        return self._providers[name]

    def _failure(self, error: Exception) -> ProviderError:
        key, cause = self._credentials.api_key, error.__cause__
        if isinstance(error, NotAllowed) or isinstance(cause, NotAllowed):
            return failures.failure("not-configured", str(error if isinstance(error, NotAllowed) else cause))
        status = getattr(error, "status_code", getattr(cause, "status_code", None))
        if isinstance(status, int):
            found = getattr(error, "body", None)
            body = {"error": found} if isinstance(found, dict) and "error" not in found else found
            return failures.of_status(status, getattr(error, "headers", None) or {}, body, key)
        if isinstance(error, (self._errors.UnexpectedModelBehavior, *NOT_THEIRS)) or isinstance(cause, ValueError):
            return failures.failure("malformed", "The provider sent something that cannot be read.")
        if isinstance(error, self._errors.UserError):
            return failures.failure("refused", failures.redacted(str(error), key)[: failures.LONGEST_DETAIL])
        return failures.failure("network", "The provider cannot be reached.")
