"""google-genai: generateContent."""

import warnings
from typing import Any, ClassVar

import httpx
import pytest

from gateway.edge.operations import OPERATIONS
from tests.clients.behaviour import TOOLS, Behaviour
from tests.clients.client import Client
from tests.clients.conftest import Bench
from tests.clients.telling import SIGNATURE
from tests.clients.upstreams import UPSTREAMS
from tests.clients.words import Ask, Refusal, Said, Turn, called

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own imports deprecate something with every release
    from google import genai
    from google.genai import errors, types

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Where aiohttp is installed, it is derived from in a way that aiohttp does not like.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
    pytest.mark.skipif(
        not any(one.dialect == "gemini" for one in OPERATIONS), reason="the gateway has no Gemini endpoint"
    ),
]


class Genai(Client):
    errors = (errors.APIError,)
    counts = True
    waits: ClassVar[bool] = False  # it knows no retry-after

    def __init__(self, server: str, key: str, retries: int) -> None:
        super().__init__(server, key, retries)
        retry = types.HttpRetryOptions(attempts=retries + 1, initial_delay=0.01, max_delay=0.01)
        self.http = httpx.AsyncClient(timeout=20)  # else it would take aiohttp where that is installed
        options = types.HttpOptions(base_url=server, retry_options=retry, httpx_async_client=self.http)
        self.sdk = genai.Client(api_key=key, http_options=options)

    async def say(self, model: str, ask: Ask) -> Said:
        return self.said(await self.ask(model, ask, self.first(ask)))

    async def loop(self, model: str, ask: Ask) -> Said:
        contents = self.first(ask)
        while True:
            chunks = await self.ask(model, ask, contents)
            if not (said := self.said(chunks)).calls:
                return said
            parts = self.parts(chunks)
            contents.append(types.Content(role="model", parts=parts))
            results = [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id, name=call.name, response={"output": ask.results[called(call.name, call.args)]}
                    )
                )
                for call in (part.function_call for part in parts)
                if call
            ]
            contents.append(types.Content(role="user", parts=results))

    def first(self, ask: Ask) -> list[Any]:
        parts = [types.Part(text=ask.prompt)]
        if ask.image:
            parts.append(types.Part.from_bytes(data=ask.image, mime_type="image/png"))
        return [types.Content(role="user", parts=parts)]

    async def ask(self, model: str, ask: Ask, contents: list[Any]) -> list[Any]:
        config = types.GenerateContentConfig(system_instruction=ask.system or None)
        if ask.tools:
            declared = [
                types.FunctionDeclaration(name=t.name, description=t.description, parameters_json_schema=t.schema)
                for t in ask.tools
            ]
            config.tools = [types.Tool(function_declarations=declared)]
        if ask.schema:
            config.response_mime_type = "application/json"
            config.response_json_schema = ask.schema
        if not ask.stream:
            return [await self.sdk.aio.models.generate_content(model=model, contents=contents, config=config)]
        stream = await self.sdk.aio.models.generate_content_stream(model=model, contents=contents, config=config)
        return [chunk async for chunk in stream]

    def parts(self, chunks: list[Any]) -> list[Any]:
        candidates = [one for chunk in chunks for one in chunk.candidates or [] if not one.index]
        contents = [one.content for one in candidates]
        return [part for content in contents if content for part in content.parts or []]

    def said(self, chunks: list[Any]) -> Said:
        parts, used = self.parts(chunks), (0, 0)
        for usage in [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]:
            into = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
            used = (into, (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0))
        return Said(
            "".join(part.text for part in parts if part.text and not part.thought),
            [(part.function_call.name, part.function_call.args) for part in parts if part.function_call],
            used,
        )

    async def count(self, model: str, prompt: str) -> int:
        return (await self.sdk.aio.models.count_tokens(model=model, contents=prompt)).total_tokens or 0

    def refusal(self, error: Exception) -> Refusal:
        assert isinstance(error, errors.APIError)
        after = error.response.headers.get("retry-after") if hasattr(error.response, "headers") else None
        return Refusal(type(error).__name__, error.code, str(error), after)

    async def close(self) -> None:
        await self.sdk.aio.aclose()
        await self.http.aclose()
        self.sdk.close()


class TestGenerateContent(Behaviour):
    kind = Genai
    bad_request = limited = wrong_key = not_found = "ClientError"


async def test_it_lists_the_models(bench: Bench) -> None:
    client = bench.connect(Genai)
    found = {model.name async for model in await client.sdk.aio.models.list()}
    assert found == {f"models/{row.alias}" for row in UPSTREAMS.values()}


async def test_signatures_of_gemini_come_back_to_gemini(bench: Bench) -> None:
    """And to nobody else: the tests of conversations check the form, this one the value."""
    upstream = UPSTREAMS["generate"]
    turns = (Turn("", (("weather", {"city": "Oslo"}),)), Turn("Cold."))
    bench.script(upstream, *(upstream.answers(turn, stream=False) for turn in turns))
    ask = Ask(tools=TOOLS, results={called("weather", {"city": "Oslo"}): "9 °C"})
    await bench.connect(Genai).loop(upstream.alias, ask)
    (signed,) = [part for part in bench.server.requests[1].json()["contents"][1]["parts"] if "functionCall" in part]
    assert signed.get("thoughtSignature") == SIGNATURE
