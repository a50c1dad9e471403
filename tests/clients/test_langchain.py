"""langchain-openai: Chat Completions and Responses."""

import json
import warnings
from typing import Any, ClassVar

import openai
import pytest

from tests.clients.behaviour import Behaviour
from tests.clients.chat import data_url
from tests.clients.client import Client
from tests.clients.words import Ask, Refusal, Said, called

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
    from langchain_openai import ChatOpenAI

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


class LangChain(Client):
    errors = (openai.APIError,)
    responses: ClassVar[bool] = False

    def model(self, name: str, ask: Ask) -> Any:
        model: Any = ChatOpenAI(
            model=name,
            base_url=self.v1,
            api_key=self.key,  # type: ignore[arg-type]
            max_retries=self.retries,
            use_responses_api=self.responses,
            stream_usage=True,
            **({"store": False, "output_version": "responses/v1"} if self.responses else {}),
        )
        if ask.tools:
            functions = [{"name": t.name, "description": t.description, "parameters": t.schema} for t in ask.tools]
            model = model.bind_tools([{"type": "function", "function": one} for one in functions])
        if ask.schema:
            schema = {"title": "person", "description": "A person", **ask.schema}
            model = model.with_structured_output(schema, method="json_schema", strict=True, include_raw=True)
        return model

    async def say(self, model: str, ask: Ask) -> Said:
        return self.said(await self.ask(model, ask, self.first(ask)))

    async def loop(self, model: str, ask: Ask) -> Said:
        messages = self.first(ask)
        while True:
            answer = await self.ask(model, ask, messages)
            if not answer.tool_calls:
                return self.said(answer)
            messages.append(answer)
            for call in answer.tool_calls:
                result = ask.results[called(call["name"], call["args"])]
                messages.append(ToolMessage(content=result, tool_call_id=call["id"]))

    def first(self, ask: Ask) -> list[Any]:
        content: Any = ask.prompt
        if ask.image:
            image = {"type": "image_url", "image_url": {"url": data_url(ask.image)}}
            content = [{"type": "text", "text": ask.prompt}, image]
        system = [SystemMessage(content=ask.system)] if ask.system else []
        return [*system, HumanMessage(content=content)]

    async def ask(self, name: str, ask: Ask, messages: list[Any]) -> AIMessage:
        model = self.model(name, ask)
        if ask.stream:
            whole: Any = None
            async for chunk in model.astream(messages):
                whole = chunk if whole is None else whole + chunk
            return whole
        answer = await model.ainvoke(messages)
        if ask.schema:
            assert answer["parsed"] == json.loads(answer["raw"].text)
            return answer["raw"]
        return answer

    def said(self, answer: Any) -> Said:
        usage = answer.usage_metadata or {"input_tokens": 0, "output_tokens": 0}
        calls = [(call["name"], call["args"]) for call in answer.tool_calls]
        return Said(str(answer.text), calls, (usage["input_tokens"], usage["output_tokens"]))

    def refusal(self, error: Exception) -> Refusal:
        assert isinstance(error, openai.APIError)
        # It raises classes of its own that derive from the SDK's.
        kind = next(one.__name__ for one in type(error).__mro__ if one.__module__.startswith("openai"))
        if not isinstance(error, openai.APIStatusError):
            return Refusal(kind, None, error.message)
        return Refusal(kind, error.status_code, str(error), error.response.headers.get("retry-after"))


class LangChainResponses(LangChain):
    responses = True


class TestChatCompletions(Behaviour):
    kind = LangChain


class TestResponses(Behaviour):
    kind = LangChainResponses
