"""Conversations in the words of chat completions, which more than one library speaks."""

import base64
import json
from abc import abstractmethod
from typing import Any

from tests.clients.client import Client
from tests.clients.words import Ask, Said, called


def data_url(image: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


class ChatClient(Client):
    """A library whose requests and answers are OpenAI's; `ask` is what differs."""

    @abstractmethod
    async def ask(self, model: str, ask: Ask, messages: list[Any]) -> Any:
        """One whole answer; a stream's is put together."""

    async def say(self, model: str, ask: Ask) -> Said:
        return self.said(await self.ask(model, ask, self.first(ask)))

    async def loop(self, model: str, ask: Ask) -> Said:
        messages = self.first(ask)
        while True:
            answer = await self.ask(model, ask, messages)
            if not (said := self.said(answer)).calls:
                return said
            message = answer.choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls or []:
                result = ask.results[called(call.function.name, json.loads(call.function.arguments))]
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def first(self, ask: Ask) -> list[Any]:
        content: Any = ask.prompt
        if ask.image:
            image = {"type": "image_url", "image_url": {"url": data_url(ask.image)}}
            content = [{"type": "text", "text": ask.prompt}, image]
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        return [*system, {"role": "user", "content": content}]

    def fields(self, ask: Ask) -> dict[str, Any]:
        """What is asked for besides messages."""
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
        return more

    def said(self, answer: Any) -> Said:
        message, usage = answer.choices[0].message, answer.usage
        calls = [(call.function.name, json.loads(call.function.arguments or "{}")) for call in message.tool_calls or []]
        return Said(message.content or "", calls, (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0))
