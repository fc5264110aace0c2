"""The offline provider: answers with what was said, clearly labelled, at a speed one can watch. Needs no key."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import ClassVar

from sessions_app.llm.base import Finish, ProviderError, Request, TextDelta

LABEL = "[echo] "
MOST_DELAY = 5.0
MOST_CHARACTERS = 200_000


class EchoProvider:
    """Streams word by word. Options: `delay` (seconds between words, default 0.03), `repeat` (times the text is said,
    default 1), `text` (said instead of the last message), `fail` (raise after so many words)."""

    name: ClassVar[str] = "echo"
    windows: ClassVar[dict[str, int]] = {"echo": 8192}
    free: ClassVar[bool] = True

    async def stream(self, request: Request) -> AsyncIterator[TextDelta | Finish]:
        """The last user message again, with a label that says no model was asked."""
        options = request.options
        said = next((turn.text for turn in reversed(request.turns) if turn.role == "user"), "")
        text, delay = LABEL + str(options.get("text", said)), options.get("delay", 0.03)
        repeat, fail = options.get("repeat", 1), options.get("fail", -1)
        if not isinstance(delay, int | float) or not 0 <= delay <= MOST_DELAY:
            raise ProviderError(f"'delay' is between 0 and {MOST_DELAY} seconds.", permanent=True)
        if type(repeat) is not int or not 1 <= repeat <= MOST_CHARACTERS // (len(text) + 1):
            raise ProviderError(f"'repeat' must not bring the text over {MOST_CHARACTERS} characters.", permanent=True)
        text = LABEL + " ".join([text.removeprefix(LABEL)] * repeat)
        words = re.findall(r"\s*\S+|\s+$", text)
        for number, word in enumerate(words):
            if number == fail:
                raise ProviderError("the echo provider was asked to fail", permanent=True)
            yield TextDelta(word)
            await asyncio.sleep(delay)
        prompt = sum(tokens(turn.text) for turn in request.turns)
        yield Finish(prompt_tokens=prompt, completion_tokens=tokens(text))


def tokens(text: str) -> int:
    """A rough count for a provider that has no tokenizer: four characters a token."""
    return -(-len(text) // 4)
