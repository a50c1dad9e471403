"""LiteLLM's SDK as a client: of our Chat Completions and of our Messages."""

import json
import warnings
from typing import Any, ClassVar

import pytest

from tests.clients.behaviour import PERSON, Behaviour
from tests.clients.client import Client
from tests.clients.conftest import Bench
from tests.clients.test_openai_python import data_url
from tests.clients.upstreams import Upstream
from tests.clients.words import Ask, Refusal, Said, Turn, called

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    litellm: Any = pytest.importorskip("litellm", reason="litellm is not installed", exc_type=ImportError)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # What it deprecates, leaves open and serializes wrongly is its own affair.
    pytest.mark.filterwarnings("ignore"),
]


class LiteLLM(Client):
    errors = (Exception,)
    tells_retry_after = False
    provider: ClassVar[str] = "openai"

    @property
    def base(self) -> str:
        return self.v1

    async def say(self, model: str, ask: Ask) -> Said:
        return self.said(await self.ask(model, ask, self.first(ask)))

    async def loop(self, model: str, ask: Ask) -> Said:
        messages = self.first(ask)
        while True:
            answer = await self.ask(model, ask, messages)
            message = answer.choices[0].message
            if not message.tool_calls:
                return self.said(answer)
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                result = ask.results[called(call.function.name, json.loads(call.function.arguments))]
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def first(self, ask: Ask) -> list[Any]:
        content: Any = ask.prompt
        if ask.image:
            image = {"type": "image_url", "image_url": {"url": data_url(ask.image)}}
            content = [{"type": "text", "text": ask.prompt}, image]
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        return [*system, {"role": "user", "content": content}]

    async def ask(self, model: str, ask: Ask, messages: list[Any]) -> Any:
        more: dict[str, Any] = {}
        if ask.tools:
            more["tools"] = [
                {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.schema}}
                for t in ask.tools
            ]
        if ask.schema:
            more["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "person", "schema": ask.schema, "strict": True},
            }
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

    def said(self, answer: Any) -> Said:
        message, usage = answer.choices[0].message, answer.usage
        calls = [(call.function.name, json.loads(call.function.arguments or "{}")) for call in message.tool_calls or []]
        return Said(message.content or "", calls, (usage.prompt_tokens, usage.completion_tokens))

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
