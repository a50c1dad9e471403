"""anthropic-python: Messages."""

import base64
from typing import Any

import anthropic
import pytest

from tests.clients.behaviour import Behaviour
from tests.clients.client import Client
from tests.clients.conftest import Bench
from tests.clients.upstreams import UPSTREAMS
from tests.clients.words import Ask, Refusal, Said, called

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


class Anthropic(Client):
    errors = (anthropic.APIError,)
    counts = True

    def __init__(self, server: str, key: str, retries: int) -> None:
        super().__init__(server, key, retries)
        self.sdk = anthropic.AsyncAnthropic(base_url=server, api_key=key, max_retries=retries)

    async def say(self, model: str, ask: Ask) -> Said:
        return self.said(await self.ask(model, ask, self.first(ask)))

    async def loop(self, model: str, ask: Ask) -> Said:
        messages = self.first(ask)
        while True:
            answer = await self.ask(model, ask, messages)
            if not (said := self.said(answer)).calls:
                return said
            messages.append({"role": "assistant", "content": answer.content})
            results = [
                {"type": "tool_result", "tool_use_id": one.id, "content": ask.results[called(one.name, one.input)]}
                for one in answer.content
                if one.type == "tool_use"
            ]
            messages.append({"role": "user", "content": results})

    def first(self, ask: Ask) -> list[Any]:
        content: Any = ask.prompt
        if ask.image:
            data = base64.b64encode(ask.image).decode()
            image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
            content = [image, {"type": "text", "text": ask.prompt}]
        return [{"role": "user", "content": content}]

    async def ask(self, model: str, ask: Ask, messages: list[Any]) -> Any:
        more: dict[str, Any] = {"max_tokens": 1000}
        if ask.system:
            more["system"] = ask.system
        if ask.tools:
            more["tools"] = [
                {"name": t.name, "description": t.description, "input_schema": t.schema} for t in ask.tools
            ]
        if ask.schema:
            more["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
        if not ask.stream:
            return await self.sdk.messages.create(model=model, messages=messages, **more)
        async with self.sdk.messages.stream(model=model, messages=messages, **more) as stream:
            return await stream.get_final_message()

    def said(self, answer: Any) -> Said:
        usage = answer.usage
        cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return Said(
            "".join(block.text for block in answer.content if block.type == "text"),
            [(block.name, block.input) for block in answer.content if block.type == "tool_use"],
            (usage.input_tokens + cached, usage.output_tokens),
        )

    async def count(self, model: str, prompt: str) -> int:
        messages: Any = [{"role": "user", "content": prompt}]
        return (await self.sdk.messages.count_tokens(model=model, messages=messages)).input_tokens

    def refusal(self, error: Exception) -> Refusal:
        assert isinstance(error, anthropic.APIError)
        if not isinstance(error, anthropic.APIStatusError):
            return Refusal(type(error).__name__, None, error.message)
        after = error.response.headers.get("retry-after")
        return Refusal(type(error).__name__, error.status_code, str(error), after)

    async def close(self) -> None:
        await self.sdk.close()


class TestMessages(Behaviour):
    kind = Anthropic


async def test_it_lists_the_models(bench: Bench) -> None:
    client = bench.connect(Anthropic)
    assert {model.id async for model in client.sdk.models.list()} == {row.alias for row in UPSTREAMS.values()}
