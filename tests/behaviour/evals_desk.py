"""What the tests of evals share: gateways before an upstream that answers by what it is asked, and OpenAI's own SDK."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pydantic
from openai.types.eval_retrieve_response import EvalRetrieveResponse
from openai.types.evals.run_retrieve_response import RunRetrieveResponse
from openai.types.evals.runs.output_item_retrieve_response import OutputItemRetrieveResponse

from gateway.testing import Received, ScriptedUpstream, Write, json_answer
from tests.conftest import Gateway, gateways

CHAT, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"
MODELS = {name: {"targets": [f"mock/{name}"]} for name in ("model", "judge", "vectors", "secret", "slow")}
TENANTS = """
tenants:
  - {id: acme, name: Acme, teams: [{id: team-a, name: A}, {id: team-b, name: B}]}
  - {id: other, name: Other, teams: [{id: theirs, name: Theirs}]}
"""
ACCESS = """
rules:
  - {id: all, effect: allow, owner: tests, reason: tests, models: [model, judge, vectors, slow]}
  - {id: kept-not, effect: allow, owner: tests, reason: tests, models: [secret], obligations: {no_content: true}}
"""
SCHEMA: Any = {"type": "object", "properties": {"q": {"type": "string"}, "a": {"type": "string"}}, "required": ["q"]}
CUSTOM: Any = {"type": "custom", "item_schema": SCHEMA, "include_sample_schema": True}
MATCH: Any = {
    "type": "string_check", "name": "match", "input": "{{sample.output_text}}", "reference": "{{item.a}}",
    "operation": "eq",
}  # fmt: skip
ASK: Any = {"type": "template", "template": [{"role": "user", "content": "Say {{item.q}}"}]}
# Where OpenAI's API says null and its SDK's types do not: there is no error, and clients ask `if run.error`.
NULLS = {("error",), ("sample", "error")}


def content(*pairs: tuple[str, str]) -> Any:
    return {"type": "file_content", "content": [{"item": {"q": q, "a": a}} for q, a in pairs]}


def completions(*pairs: tuple[str, str], model: str = "model", **fields: Any) -> Any:
    return {"type": "completions", "model": model, "source": content(*pairs), "input_messages": ASK, **fields}


def chat_answer(text: str, model: str = "real-model") -> Any:
    choices = [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
    usage = {
        "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "prompt_tokens_details": {"cached_tokens": 2}
    }  # fmt: skip
    return json_answer(
        {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": choices, "usage": usage}
    )


async def answering(received: Received, write: Write) -> None:
    """Says what it is asked to say: `Say X` is answered with `X`; a judge's question by whether `good` is in it."""
    body = received.json()
    if body.get("response_format", {}).get("type") == "json_schema" and body["model"] == "judge":
        good = "good" in json.dumps(body["messages"][1:])
        properties = body["response_format"]["json_schema"]["schema"]["properties"]
        verdict: dict[str, Any] = {"reason": "because"}
        verdict |= {"label": "yes" if good else "no"} if "label" in properties else {"score": 6 if good else 2}
        await chat_answer(json.dumps(verdict), "judge-1")(received, write)
        return
    if body["model"] == "slow":
        await asyncio.sleep(0.4)
    said = body["messages"][-1]["content"]
    text = said if isinstance(said, str) else said[0]["text"]
    await chat_answer(text.removeprefix("Say "))(received, write)


async def responding(received: Received, write: Write) -> None:
    said = received.json()["input"][-1]["content"]
    text = (said if isinstance(said, str) else said[0]["text"]).removeprefix("Say ")
    message = {
        "type": "message", "id": "m", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }  # fmt: skip
    usage = {
        "input_tokens": 5, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 9,
    }  # fmt: skip
    response = {
        "id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "real-model",
        "output": [message], "usage": usage,
    }  # fmt: skip
    await json_answer(response)(received, write)


async def embedding(received: Received, write: Write) -> None:
    texts = received.json()["input"]
    data = [
        {"object": "embedding", "index": at, "embedding": [float("good" in one), 1.0]} for at, one in enumerate(texts)
    ]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    await json_answer({"object": "list", "data": data, "model": "vectors", "usage": usage})(received, write)


class Desk:
    """A gateway, its upstream, and OpenAI's client with a key of team-a's."""

    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream) -> None:
        self.gateway, self.upstream = gateway, upstream
        self.clients: list[openai.AsyncOpenAI] = []
        self.client = self.client_of(gateway.key)

    def client_of(self, key: str) -> openai.AsyncOpenAI:
        self.clients.append(openai.AsyncOpenAI(base_url=self.gateway.base_url, api_key=key, max_retries=0, timeout=20))
        return self.clients[-1]

    def theirs(self) -> openai.AsyncOpenAI:
        return self.client_of(self.key_of("other", "theirs")["key"])

    def key_of(self, tenant: str, team: str) -> dict[str, str]:
        """A new key, once the gateway knows it."""
        said = self.gateway.cli("keys", "create", "--tenant", tenant, "--team", team, "--owner", "o", "--json")
        self.gateway.wait_until_known(json.loads(said.stdout)["key"])
        return json.loads(said.stdout)

    async def until_asked(self, count: int = 1) -> None:
        """So many requests have reached the upstream."""
        async with asyncio.timeout(30):
            while len(self.upstream.requests) < count:
                await asyncio.sleep(0.02)

    async def until_quiet(self) -> int:
        """Nothing more reaches the upstream, to which a run that goes on sends something twice a second and more. How
        much did until then."""
        async with asyncio.timeout(30):
            asked = -1
            while len(self.upstream.requests) != asked:
                asked = len(self.upstream.requests)
                await asyncio.sleep(1.2)
        return asked

    async def eval(self, *criteria: Any, **fields: Any) -> Any:
        return await self.client.evals.create(
            data_source_config=CUSTOM, testing_criteria=list(criteria) or [MATCH], **fields
        )

    async def run(self, made: Any, source: Any, **fields: Any) -> Any:
        """A run, once it has ended."""
        run = await self.client.evals.runs.create(made.id, data_source=source, **fields)
        return await self.ended(run)

    async def ended(self, run: Any, seconds: float = 40) -> Any:
        async with asyncio.timeout(seconds):
            while run.status in ("queued", "in_progress"):
                await asyncio.sleep(0.02)
                run = await self.client.evals.runs.retrieve(run.id, eval_id=run.eval_id)
        return run

    async def items(self, run: Any, **fields: Any) -> list[Any]:
        pages = self.client.evals.runs.output_items.list(run.id, eval_id=run.eval_id, **fields)
        return [one async for one in pages]


@contextlib.asynccontextmanager
async def evals_desk(folder: Path, start: bool = True, **config: Any) -> AsyncIterator[Desk]:
    async with ScriptedUpstream({CHAT: answering, RESPONSES: responding, EMBEDDINGS: embedding}) as upstream:
        with gateways(folder) as make:
            kind = {
                "kind": "openai-compatible", "base_url": upstream.base_url, "api_key": "k",
                "protocols": ["chat", "responses"],
            }  # fmt: skip
            policies = {"tenants": TENANTS, "access": ACCESS, **config.pop("policies", {})}
            gateway = make(providers={"mock": kind}, models=MODELS, policies=policies, **config)
            gateway.key = await asyncio.to_thread(gateway.create_key)
            if start:
                await asyncio.to_thread(gateway.start)
            desk = Desk(gateway, upstream)
            yield desk
            for client in desk.clients:
                await client.close()


def strictly(value: Any) -> None:
    """The SDK's own types accept what came, with nothing missing, but for the nulls that OpenAI sends as well. (Its
    clients make objects of what comes without a look at it.)"""
    shape = {
        "eval": EvalRetrieveResponse, "eval.run": RunRetrieveResponse, "eval.run.output_item": OutputItemRetrieveResponse
    }[value.object]  # fmt: skip
    said = value.to_dict(mode="json", exclude_unset=True)
    problems = [one for one in _problems(shape, said) if one not in NULLS]
    assert problems == [], (problems, said)


def _problems(shape: type[pydantic.BaseModel], said: Any) -> Iterator[tuple[Any, ...]]:
    try:
        shape.model_validate(said)
    except pydantic.ValidationError as error:
        for one in error.errors():
            at = tuple(one["loc"])
            yield at if one["input"] is None else (*at, one["msg"])
