"""Every provider that speaks HTTP keeps the contract."""

import asyncio
import sys
from typing import Any

import pytest

from sessions_app.llm.base import Credentials, Finish, ProviderError, Request, Turn
from sessions_app.llm.providers.pydantic_ai import PydanticAIProvider
from sessions_app.values import ImagePart, Role, ToolCallPart, ToolResultPart, parts
from tests.sessions_app.providers import dialects, stand_ins
from tests.sessions_app.providers.asking import TOOL
from tests.sessions_app.providers.contract import ProviderContract
from tests.sessions_app.providers.dialects import Answer
from tests.sessions_app.providers.stand_ins import streams


class TestOpenAI(ProviderContract):
    dialect = dialects.OpenAI()


class TestAnthropic(ProviderContract):
    dialect = dialects.Anthropic()


class TestPydanticAI(ProviderContract):
    dialect = dialects.PydanticAI()

    def test_an_answer_that_ends_without_an_end(self) -> None:
        """Pydantic AI takes the orderly end of the connection for the end of the answer, and so do we."""
        assert self.answered(Answer(finished=False))[-1] == Finish(reason="stop", usage=None)

    @pytest.mark.parametrize("model", ["test-model", "nobody:x", "bedrock:x", "test", ":", "function:x"])
    def test_a_model_it_cannot_use_is_refused_before_anything_is_sent(self, model: str) -> None:
        failed = self.fails(stand_ins.hangs_up, self.request(model=model))
        assert failed.permanent
        assert failed.code in ("refused", "not-configured")

    def test_a_key_without_the_place_it_belongs_to_is_not_used(self) -> None:
        with pytest.raises(ProviderError) as failed:
            asyncio.run(PydanticAIProvider(Credentials(api_key="x")).stream(self.request()).asend(None))
        assert (failed.value.code, failed.value.permanent) == ("not-configured", True)

    def test_without_the_package_it_says_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pydantic_ai.models", None)
        failed = self.fails(stand_ins.hangs_up)
        assert (failed.code, failed.permanent) == ("not-configured", True)
        assert "parley[pydantic-ai]" in failed.detail

    def test_an_image_is_sent_and_never_fetched_from_here(self) -> None:
        def asked(url: str) -> Request:
            return self.request(turns=(Turn(role=Role.USER, content=[ImagePart(url=url)]),))

        assert self.fails(stand_ins.hangs_up, asked("https://example.org/a.png")).code == "refused"
        _, server = self.ask(streams([self.dialect.stream(Answer())]), asked("data:image/png;base64,aGk="))
        assert b"data:image/png;base64,aGk=" in server.visits[0].body

    def test_turns_and_tools_are_told(self) -> None:
        call = ToolCallPart(tool_call_id="call-1", name="search", args={"q": 1})
        turns = (
            Turn(role=Role.SYSTEM, content=parts("Be kind.")),
            Turn(role=Role.USER, content=parts("hello")),
            Turn(role=Role.ASSISTANT, content=[call]),
            Turn(role=Role.TOOL, content=[ToolResultPart(tool_call_id="call-1", content="found")]),
        )
        script = streams([self.dialect.stream(Answer())])
        _, server = self.ask(script, self.request(turns=turns, tools=(TOOL,), temperature=0.5, max_tokens=9))
        sent: Any = server.visits[0].json
        assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool"]
        assert sent["messages"][3] == {"role": "tool", "tool_call_id": "call-1", "content": "found"}
        assert [tool["function"]["name"] for tool in sent["tools"]] == ["search"]
        assert (sent["temperature"], sent["max_completion_tokens"]) == (0.5, 9)
