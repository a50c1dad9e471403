"""openai-python: Chat Completions and Responses."""

import json
from typing import Any

import openai
import pytest

from tests.clients.behaviour import Behaviour
from tests.clients.chat import ChatClient, data_url
from tests.clients.client import Client
from tests.clients.conftest import Bench
from tests.clients.upstreams import Upstream
from tests.clients.words import Ask, Refusal, Said, Turn, called

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


class OpenAI(Client):
    errors = (openai.APIError,)

    def __init__(self, server: str, key: str, retries: int) -> None:
        super().__init__(server, key, retries)
        self.sdk = openai.AsyncOpenAI(base_url=self.v1, api_key=key, max_retries=retries)

    def refusal(self, error: Exception) -> Refusal:
        assert isinstance(error, openai.APIError)
        if not isinstance(error, openai.APIStatusError):
            return Refusal(type(error).__name__, None, error.message)
        return Refusal(type(error).__name__, error.status_code, str(error), error.response.headers.get("retry-after"))

    async def close(self) -> None:
        await self.sdk.close()


class OpenAIChat(OpenAI, ChatClient):
    async def ask(self, model: str, ask: Ask, messages: list[Any]) -> Any:
        more = self.fields(ask)
        if not ask.stream:
            return await self.sdk.chat.completions.create(model=model, messages=messages, **more)
        more["stream_options"] = {"include_usage": True}
        async with self.sdk.chat.completions.stream(model=model, messages=messages, **more) as stream:
            return await stream.get_final_completion()


class OpenAIResponses(OpenAI):
    async def say(self, model: str, ask: Ask) -> Said:
        return self.said(await self.ask(model, ask, self.first(ask)))

    async def loop(self, model: str, ask: Ask) -> Said:
        items = self.first(ask)
        while True:
            answer = await self.ask(model, ask, items)
            if not (said := self.said(answer)).calls:
                return said
            items += [item.model_dump(exclude_none=True) for item in answer.output]
            for item in answer.output:
                if item.type == "function_call":
                    result = ask.results[called(item.name, json.loads(item.arguments))]
                    items.append({"type": "function_call_output", "call_id": item.call_id, "output": result})

    def first(self, ask: Ask) -> list[Any]:
        content: list[Any] = [{"type": "input_text", "text": ask.prompt}]
        if ask.image:
            content.append({"type": "input_image", "image_url": data_url(ask.image), "detail": "auto"})
        return [{"role": "user", "content": content}]

    async def ask(self, model: str, ask: Ask, items: list[Any]) -> Any:
        more: dict[str, Any] = {"store": False}
        if ask.system:
            more["instructions"] = ask.system
        if ask.tools:
            more["tools"] = [
                {
                    "type": "function",
                    "name": t.name,
                    "description": t.description,
                    "parameters": t.schema,
                    "strict": False,
                }
                for t in ask.tools
            ]
        if ask.schema:
            more["text"] = {"format": {"type": "json_schema", "name": "person", "schema": ask.schema, "strict": True}}
        if not ask.stream:
            return await self.sdk.responses.create(model=model, input=items, **more)
        async with self.sdk.responses.stream(model=model, input=items, **more) as stream:
            return await stream.get_final_response()

    def said(self, answer: Any) -> Said:
        calls = [(one.name, json.loads(one.arguments or "{}")) for one in answer.output if one.type == "function_call"]
        usage = answer.usage
        return Said(answer.output_text, calls, (usage.input_tokens, usage.output_tokens) if usage else (0, 0))


class TestChatCompletions(Behaviour):
    kind = OpenAIChat


class TestResponses(Behaviour):
    kind = OpenAIResponses


async def test_a_conversation_kept_by_the_gateway(bench: Bench, upstream: Upstream) -> None:
    """`previous_response_id` works whoever is behind it: what an upstream does not keep, the gateway does."""
    if upstream.protocol == "responses":
        pytest.skip("here the upstream itself remembers")
    client = bench.connect(OpenAIResponses)
    bench.script(upstream, upstream.answers(Turn("My name is Ada."), stream=False))
    first = await client.sdk.responses.create(model=upstream.alias, input="Who are you?")
    second = await client.sdk.responses.create(
        model=upstream.alias, input="Again?", previous_response_id=first.id, stream=False
    )
    assert second.output_text == "My name is Ada."
    heard = bench.heard(upstream)[-1]
    assert heard.history == [("user", "Who are you?"), ("assistant", "My name is Ada."), ("user", "Again?")]
