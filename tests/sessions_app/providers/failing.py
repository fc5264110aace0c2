"""What the engine may rely on when a provider fails: the refusals and the network. A part of the contract."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.test import override_settings

from sessions_app.llm.base import TextDelta
from tests.sessions_app.providers import stand_ins
from tests.sessions_app.providers.asking import CANARY, Asking, said
from tests.sessions_app.providers.dialects import Answer
from tests.sessions_app.providers.stand_ins import Script, Visit, answers, holds, streams


class FailureContract(Asking):
    """How every provider fails."""

    # -- refusals ------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_key_that_is_not_accepted(self, status: int) -> None:
        failed = self.fails(answers(status, self.dialect.error(f"Incorrect API key provided: {CANARY}")))
        assert (failed.code, failed.permanent) == ("authentication", True)

    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_a_request_that_is_refused_is_not_tried_again(self, status: int) -> None:
        failed = self.fails(answers(status, self.dialect.error("no such model")))
        assert (failed.code, failed.permanent) == ("refused", True)
        assert "no such model" in failed.detail

    @pytest.mark.parametrize("status", [408, 409, 429])
    def test_a_provider_that_asks_to_wait(self, status: int) -> None:
        failed = self.fails(answers(status, self.dialect.error("slow down"), retry_after="7"))
        assert (failed.code, failed.permanent, failed.retry_after) == ("rate-limited", False, 7.0)

    def test_a_date_to_wait_for(self) -> None:
        then = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        failed = self.fails(answers(429, self.dialect.error("slow down"), retry_after=then))
        assert failed.retry_after is not None
        assert 30 < failed.retry_after <= 60

    @pytest.mark.parametrize("header", ["soon", "-5", "nan", "inf", "1e300"])
    def test_a_wait_without_sense_is_no_wait(self, header: str) -> None:
        failed = self.fails(answers(429, self.dialect.error("slow down"), retry_after=header))
        assert failed.code == "rate-limited"
        assert failed.retry_after is None or 0 <= failed.retry_after <= 3600

    def test_a_spent_quota_does_not_pass_with_time(self) -> None:
        failed = self.fails(answers(429, self.dialect.error("You exceeded your quota.", "insufficient_quota")))
        assert (failed.code, failed.permanent) == ("rate-limited", True)

    @pytest.mark.parametrize("status", [500, 502, 503, 529])
    def test_a_provider_that_is_down(self, status: int) -> None:
        failed = self.fails(answers(status, b"<html>oops</html>", retry_after="3"))
        assert (failed.code, failed.permanent, failed.retry_after) == ("unavailable", False, 3.0)

    def test_one_failure_is_one_request(self) -> None:
        visits: list[Visit] = []

        async def script(visit: Visit) -> None:
            visits.append(visit)
            await answers(503)(visit)

        self.fails(script)
        assert len(visits) == 1

    def test_a_huge_refusal_is_not_read_to_its_end(self) -> None:
        failed = self.fails(answers(500, b"x" * 3_000_000))
        assert failed.code == "unavailable"
        assert len(failed.detail) < 1000

    # -- the network ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("script", [stand_ins.hangs_up, stand_ins.talks_nonsense])
    def test_a_connection_that_comes_to_nothing(self, script: Script) -> None:
        failed = self.fails(script)
        assert (failed.code, failed.permanent) == ("network", False)

    def test_an_answer_that_is_cut_off(self) -> None:
        events = list(self.dialect.events(Answer()))
        failed = self.fails(streams(events[: len(events) // 2], whole=False))
        assert (failed.code, failed.permanent) == ("network", False)

    def test_an_answer_that_ends_without_an_end(self) -> None:
        failed = self.fails(streams([self.dialect.stream(Answer(finished=False))]))
        assert (failed.code, failed.permanent) == ("network", False)

    @pytest.mark.parametrize("begun", [False, True])
    def test_a_silent_provider_is_given_up(self, begun: bool) -> None:
        first = next(iter(self.dialect.events(Answer()))) if begun else b""
        with override_settings(LLM_SILENCE_TIMEOUT=0.3):
            failed = self.fails(holds(first))
        assert (failed.code, failed.permanent) == ("network", False)

    def test_a_slow_first_byte_is_waited_for(self) -> None:
        async def script(visit: Visit) -> None:
            loop = asyncio.get_running_loop()
            late = loop.create_future()
            loop.call_later(0.5, late.set_result, None)
            await late
            await streams([self.dialect.stream(Answer())])(visit)

        assert said(self.ask(script)[0]) == "Hello, world ☃"

    @pytest.mark.parametrize("event", [b"data: {nonsense\n\n", b'data: {"choices": 7, "type": 7}\n\n', b"data: [\n\n"])
    def test_an_event_that_cannot_be_read(self, event: bytes) -> None:
        failed = self.fails(streams([next(iter(self.dialect.events(Answer()))), event]))
        assert (failed.code, failed.permanent) == ("malformed", False)

    def test_an_error_in_the_midst_of_an_answer(self) -> None:
        first = next(iter(self.dialect.events(Answer())))
        failed = self.fails(streams([first, self.dialect.broken_off()]))
        assert (failed.code, failed.permanent) == ("unavailable", False)

    def _leaves(self, leave: Callable[[Any], Any]) -> None:
        """Whether the server notices within a second that nobody listens."""

        async def ask() -> None:
            events = list(self.dialect.events(Answer(texts=["one", "two"])))
            spoken = next(number for number, event in enumerate(events) if b"one" in event)
            async with stand_ins.stand_in(holds(b"".join(events[: spoken + 1]))) as server:
                with override_settings(LLM_ALLOWED_HOSTS=[server.host]):
                    async with aclosing(self.dialect.made(server.base, CANARY)) as provider:
                        stream = provider.stream(self.request())
                        assert await anext(stream) == TextDelta("one")
                        await leave(stream)
                        await asyncio.wait_for(server.visits[0].left.wait(), 1)

        asyncio.run(asyncio.wait_for(ask(), 20))

    def test_closing_the_answer_closes_the_connection_within_a_second(self) -> None:
        self._leaves(lambda stream: stream.aclose())

    def test_cancelling_the_answer_closes_the_connection_within_a_second(self) -> None:
        async def cancel(stream: Any) -> None:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.wait([waiting], timeout=0.1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        self._leaves(cancel)
