"""LiteLLM's SDK as a client: of our Chat Completions and of our Messages."""

import json
import warnings
from typing import Any, ClassVar

import pytest

from tests.clients.behaviour import PERSON, Behaviour
from tests.clients.chat import ChatClient
from tests.clients.conftest import Bench
from tests.clients.upstreams import Upstream
from tests.clients.words import Ask, Refusal, Turn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    litellm: Any = pytest.importorskip("litellm", reason="litellm is not installed", exc_type=ImportError)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # What it deprecates, leaves open and serializes wrongly is its own affair.
    pytest.mark.filterwarnings("ignore"),
]


class LiteLLM(ChatClient):
    errors = (Exception,)
    tells_retry_after = False
    provider: ClassVar[str] = "openai"

    @property
    def base(self) -> str:
        return self.v1

    async def ask(self, model: str, ask: Ask, messages: list[Any]) -> Any:
        more = self.fields(ask)
        if ask.stream:
            more.update(stream=True, stream_options={"include_usage": True})
        answer = await litellm.acompletion(
            model=f"{self.provider}/{model}",
            messages=messages,
            api_base=self.base,
            api_key=self.key,
            max_retries=self.retries,
            num_retries=self.retries,
            **more,
        )
        if not ask.stream:
            return answer
        return litellm.stream_chunk_builder([chunk async for chunk in answer], messages=messages)

    def refusal(self, error: Exception) -> Refusal:
        assert type(error).__module__.startswith("litellm"), repr(error)
        return Refusal(type(error).__name__, error.status_code, str(error))  # type: ignore[attr-defined]


class LiteLLMMessages(LiteLLM):
    provider = "anthropic"
    waits = False

    @property
    def base(self) -> str:
        return self.server


class TestChatCompletions(Behaviour):
    kind = LiteLLM


class TestMessages(Behaviour):
    kind = LiteLLMMessages
    overloaded = (500, 503, 529)  # its own word for what it does not know

    @pytest.mark.parametrize("upstream", ["messages"], indirect=True)  # it waits for a second at least
    async def test_retries_until_the_upstream_answers(self, bench: Bench, upstream: Upstream) -> None:
        await super().test_retries_until_the_upstream_answers(bench, upstream)

    async def test_structured_output(self, bench: Bench, upstream: Upstream) -> None:
        """For a model whose name says nothing to it, it asks for a call of a tool that it makes up."""
        call = ("json_tool_call", {"name": "Ada", "age": 36})
        bench.script(upstream, upstream.answers(Turn("", (call,)), stream=False))
        said = await self.client(bench).say(upstream.alias, Ask("Who?", schema=PERSON))
        assert json.loads(said.text) == {"name": "Ada", "age": 36}
        (heard,) = bench.heard(upstream)
        assert heard.tools == ["json_tool_call"]
