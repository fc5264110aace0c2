"""Whether a model can do what a request asks of it, by what the catalogue knows. Called before a run is begun.

What is not known is allowed: the provider will say."""

from bus.exceptions import Refused
from sessions_app.llm import catalog
from sessions_app.llm.context.plan import ContextOverflow


class CapabilityMissing(Refused):
    """The model cannot do this."""

    code = "capability-missing"
    status = 422


def check(
    provider: str, model: str, *, images: bool, tools: bool, tokens: int | None, max_tokens: int | None = None
) -> None:
    """Refuse what cannot work: images or tools for a model without, an answer or a request beyond its sizes.

    `tokens` is what the request is estimated to take, `max_tokens` what the answer may take. Raises CapabilityMissing,
    ContextOverflow."""
    known = catalog.known(provider, model)
    name = f"The model {provider}/{model}"
    if images and known.images is False:
        raise CapabilityMissing(f"{name} does not look at images; send text, or choose another model.")
    if tools and known.tools is False:
        raise CapabilityMissing(f"{name} does not call tools; remove them from the session, or choose another model.")
    if known.max_output is not None and max_tokens is not None and max_tokens > known.max_output:
        raise CapabilityMissing(f"{name} answers with at most {known.max_output} tokens; max_tokens is {max_tokens}.")
    window = known.max_context_window
    if window is None or tokens is None:
        return
    needed = tokens + (max_tokens or 0)
    if needed > window:
        answer = f" and {max_tokens} for the answer" if max_tokens else ""
        raise ContextOverflow(
            f"{name} has a window of {window} tokens; the request takes about {tokens}{answer}.",
            max_context_window=window,
            needed=needed,
        )
