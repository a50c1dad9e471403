"""pydantic-ai: its agents run the tools themselves; over our Chat Completions and our Responses."""

import json
import warnings
from collections.abc import AsyncIterable
from typing import Any, ClassVar

import openai
import pytest

from tests.clients.behaviour import Behaviour
from tests.clients.client import Client
from tests.clients.words import Ask, Refusal, Said, called

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
    from pydantic_ai import Agent, BinaryContent, NativeOutput, StructuredDict, Tool
    from pydantic_ai.direct import model_request, model_request_stream
    from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UnexpectedModelBehavior
    from pydantic_ai.messages import ModelRequest, TextPart, ToolCallPart
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel, OpenAIResponsesModelSettings
    from pydantic_ai.providers.openai import OpenAIProvider

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


class PydanticAI(Client):
    errors = (ModelAPIError, UnexpectedModelBehavior, openai.APIError)
    tells_retry_after = False
    model_type: ClassVar[type[Any]] = OpenAIChatModel
    settings: ClassVar[Any] = None

    def __init__(self, server: str, key: str, retries: int) -> None:
        super().__init__(server, key, retries)
        self.sdk = openai.AsyncOpenAI(base_url=self.v1, api_key=key, max_retries=retries)

    def model(self, name: str) -> Any:
        return self.model_type(name, provider=OpenAIProvider(openai_client=self.sdk), settings=self.settings)

    async def say(self, model: str, ask: Ask) -> Said:
        if ask.schema:
            agent = Agent(self.model(model), output_type=NativeOutput(StructuredDict(dict(ask.schema), name="person")))
            return Said(json.dumps((await agent.run(ask.prompt)).output))
        prompt: Any = [ask.prompt, BinaryContent(ask.image, media_type="image/png")] if ask.image else ask.prompt
        messages = [ModelRequest.user_text_prompt(prompt, instructions=ask.system or None)]
        if not ask.stream:
            return self.said(await model_request(self.model(model), messages))
        async with model_request_stream(self.model(model), messages) as stream:
            async for _ in stream:
                pass
            return self.said(stream.get())

    async def loop(self, model: str, ask: Ask) -> Said:
        def tool(name: str, description: str, schema: Any) -> Tool[Any]:
            async def run(**arguments: Any) -> str:
                return ask.results[called(name, arguments)]

            return Tool.from_schema(run, name, description, dict(schema))

        tools = [tool(t.name, t.description, t.schema) for t in ask.tools]
        agent = Agent(self.model(model), instructions=ask.system or None, tools=tools)

        async def watch(_context: Any, events: AsyncIterable[Any]) -> None:
            async for _ in events:
                pass

        result = await agent.run(ask.prompt, event_stream_handler=watch if ask.stream else None)
        return Said(result.output)

    def said(self, answer: Any) -> Said:
        return Said(
            "".join(part.content for part in answer.parts if isinstance(part, TextPart)),
            [(part.tool_name, part.args_as_dict()) for part in answer.parts if isinstance(part, ToolCallPart)],
            (answer.usage.input_tokens, answer.usage.output_tokens),
        )

    def refusal(self, error: Exception) -> Refusal:
        status = error.status_code if isinstance(error, ModelHTTPError) else None
        return Refusal(type(error).__name__, status, str(error))

    async def close(self) -> None:
        await self.sdk.close()


class PydanticAIResponses(PydanticAI):
    model_type = OpenAIResponsesModel
    # For models whose names say nothing to it, it would give back thoughts as text between <think> tags.
    settings = OpenAIResponsesModelSettings(openai_send_reasoning_ids=True)


class TestChatCompletions(Behaviour):
    kind = PydanticAI
    bad_request, limited = "ModelRequestRejectedError", "ModelRateLimitError"
    wrong_key, not_found = "ModelAuthenticationError", "ModelNotFoundError"


class TestResponses(TestChatCompletions):
    kind = PydanticAIResponses
