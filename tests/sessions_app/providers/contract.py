"""What the engine may rely on with every provider, over real connections. A new one subclasses ProviderContract."""

import asyncio
import logging
import traceback
from contextlib import aclosing
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions_app.llm.base import Finish, FinishReason, ProviderError, TextDelta, ToolCall, Turn
from sessions_app.values import Role, parts
from tests.sessions_app.providers import stand_ins
from tests.sessions_app.providers.asking import CANARY, TOOL, said
from tests.sessions_app.providers.dialects import USAGE, Answer, Call
from tests.sessions_app.providers.failing import FailureContract
from tests.sessions_app.providers.stand_ins import Visit, answers, cut, streams

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), min_size=1, max_size=6)


class ProviderContract(FailureContract):
    """The tests. `dialect` says which provider is meant and how its servers write."""

    # -- answers -------------------------------------------------------------------------------------------------------

    def test_an_answer_is_its_text_and_one_finish_at_the_end(self) -> None:
        pieces = self.answered(Answer())
        assert said(pieces) == "Hello, world ☃"
        assert [type(piece) for piece in pieces if not isinstance(piece, TextDelta)] == [Finish]
        assert isinstance(pieces[-1], Finish)
        assert all(piece.text for piece in pieces if isinstance(piece, TextDelta))

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(texts=TEXTS, places=st.lists(st.integers(0, 100_000), max_size=40))
    def test_the_text_is_the_same_wherever_the_bytes_are_cut(self, texts: list[str], places: list[int]) -> None:
        pieces, _ = self.ask(streams(cut(self.dialect.stream(Answer(texts=texts)), places)))
        assert said(pieces) == "".join(texts)

    def test_one_byte_at_a_time_is_enough(self) -> None:
        data = self.dialect.stream(Answer())
        assert said(self.ask(streams(cut(data, range(len(data)))))[0]) == "Hello, world ☃"

    def test_tokens_are_counted_in_disjoint_buckets(self) -> None:
        finish = self.answered(Answer())[-1]
        assert isinstance(finish, Finish)
        assert finish.usage is not None
        found = {name: getattr(finish.usage, name) for name in USAGE.__struct_fields__ if name != "raw"}
        assert found == {name: getattr(USAGE, name) for name in found}

    def test_tool_calls_in_pieces_arrive_whole_before_the_finish(self) -> None:
        calls = [
            Call(id="call-1", name="search", pieces=['{"q', '": "snow', 'man ☃"}']),
            Call(id="call-2", name="search", pieces=["{}"]),
        ]
        pieces = self.answered(
            Answer(texts=["Looking."], calls=calls, reason="tool_calls"), self.request(tools=(TOOL,))
        )
        found = [piece for piece in pieces if isinstance(piece, ToolCall)]
        assert [(call.tool_call_id, call.name, call.args) for call in found] == [
            ("call-1", "search", {"q": "snowman ☃"}),
            ("call-2", "search", {}),
        ]
        assert pieces[-3:-1] == found
        assert isinstance(pieces[-1], Finish)
        assert pieces[-1].reason == "tool_calls"

    @pytest.mark.parametrize("raw", ['{"q": ', "[1]", "nothing"])
    def test_arguments_that_are_no_object_are_handed_on_as_they_are(self, raw: str) -> None:
        answer = Answer(texts=[], calls=[Call(id="call-1", name="search", pieces=[raw])], reason="tool_calls")
        (call,) = [piece for piece in self.answered(answer, self.request(tools=(TOOL,))) if isinstance(piece, ToolCall)]
        assert (call.args, call.raw) == (None, raw)

    @pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
    def test_the_reason_of_the_end_is_ours(self, reason: FinishReason) -> None:
        finish = self.answered(Answer(reason=reason))[-1]
        assert isinstance(finish, Finish)
        assert finish.reason == reason

    def test_many_answers_at_once_do_not_mix(self) -> None:
        async def script(visit: Visit) -> None:
            await streams([self.dialect.stream(Answer(texts=[_last_text(visit)]))])(visit)

        async def ask() -> list[str]:
            async with stand_ins.stand_in(script) as server:
                with override_settings(LLM_ALLOWED_HOSTS=[server.host]):
                    async with aclosing(self.dialect.made(server.base, CANARY)) as provider:

                        async def one(number: int) -> str:
                            turns = (Turn(role=Role.USER, content=parts(f"question {number}")),)
                            return said([piece async for piece in provider.stream(self.request(turns=turns))])

                        return await asyncio.gather(*map(one, range(20)))

        assert asyncio.run(asyncio.wait_for(ask(), 20)) == [f"question {number}" for number in range(20)]

    # -- what does not leave -------------------------------------------------------------------------------------------

    def test_a_redirect_is_not_followed(self) -> None:
        async def elsewhere() -> list[Visit]:
            async with stand_ins.stand_in(answers(200)) as other:
                target = f"{other.base}/v1/chat/completions"
                async with stand_ins.stand_in(answers(307, location=target)) as server:
                    with override_settings(LLM_ALLOWED_HOSTS=[server.host, other.host]):
                        async with aclosing(self.dialect.made(server.base, CANARY)) as provider:
                            with pytest.raises(ProviderError) as failed:
                                await anext(aiter(provider.stream(self.request())))
                            assert failed.value.permanent
                return other.visits

        assert asyncio.run(asyncio.wait_for(elsewhere(), 20)) == []

    def test_options_the_server_decides_are_refused_before_anything_is_sent(self) -> None:
        for name in self.dialect.refused:
            failed = self.fails(stand_ins.hangs_up, self.request(options={name: "x"}))
            assert (failed.code, failed.permanent) == ("refused", True)
            assert name in failed.detail

    def test_other_options_are_sent_as_they_are(self) -> None:
        _, server = self.ask(streams([self.dialect.stream(Answer())]), self.request(options={"top_p": 0.25}))
        assert server.visits[0].json["top_p"] == 0.25

    @pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500])
    def test_the_key_is_nowhere_in_what_went_wrong(self, status: int, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        body = self.dialect.error(f"Your key {CANARY} (Bearer {CANARY}) is not welcome, {CANARY[:12]}***.")
        failed = self.fails(answers(status, body))
        shown = [failed.detail, repr(failed), str(failed), caplog.text, *traceback.format_exception(failed)]
        shown += [repr(vars(failed)), repr(failed.__context__), repr(failed.__cause__), repr(caplog.records)]
        assert "canary" not in "\n".join(shown)

    def test_the_key_is_nowhere_in_a_log_of_an_answer(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        _, server = self.ask(streams([self.dialect.stream(Answer())]))
        assert CANARY.encode() in server.visits[0].head
        assert "canary" not in caplog.text


def _last_text(visit: Visit) -> str:
    """What the last message of a request says, in either format."""
    messages: Any = visit.json["messages"]
    content = messages[-1]["content"]
    return content if isinstance(content, str) else str(content[-1]["text"])
