"""A provider that says what a test gives it, however odd: one list of pieces for each request, the last one again."""

from collections.abc import AsyncGenerator
from typing import ClassVar

from sessions_app.llm.base import Credentials, Finish, Piece, Request, Usage

PATH = "tests.odd_provider.OddProvider"
DONE = Finish(reason="stop", usage=Usage(input_tokens=10, output_tokens=5))
CALLS = Finish(reason="tool_calls", usage=Usage(input_tokens=10, output_tokens=5))


class OddProvider:
    """Set `answers`; `asked` has the requests."""

    name: ClassVar[str] = "odd"
    windows: ClassVar[dict[str, int]] = {"odd": 100_000}
    free: ClassVar[bool] = True
    answers: ClassVar[list[list[Piece | Exception]]] = []
    asked: ClassVar[list[Request]] = []

    def __init__(self, credentials: Credentials) -> None:
        """Needs none."""

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """The next answer."""
        number = min(len(self.asked), len(self.answers) - 1)
        self.asked.append(request)
        for piece in self.answers[number]:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def aclose(self) -> None:
        """Nothing was opened."""
