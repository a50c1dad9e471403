"""Applications whose calls are made from a prompt that they do not name."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream, json_answer
from tests.behaviour.test_guardrails import answer
from tests.behaviour.test_prompts import publish
from tests.conftest import Gateway, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

PINNED = """---
model: test-model
config: {temperature: 0}
input: {schema: {tone?: string}, default: {tone: kind}}
---
{{role "system"}}Only route messages. Be {{tone}}.{{history}}
"""
ACCESS = """
rules:
  - {id: bot, effect: allow, owner: tests, reason: tests, labels: {app: bot}, models: [test-model],
     obligations: {require_prompt: true}}
  - {id: lab, effect: allow, owner: tests, reason: tests, labels: {app: lab}, models: [test-model, other-model]}
  - {id: both, effect: allow, owner: tests, reason: tests, labels: {app: both}, models: [test-model, other-model]}
"""
APPS = ("bot", "lab", "both", "plain")


class Desk:
    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream, keys: dict[str, str]) -> None:
        self.gateway, self.upstream, self.keys = gateway, upstream, keys

    async def chat(self, app: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        said = {"model": "test-model", "messages": [{"role": "user", "content": "Hello"}], **body}
        own = {"authorization": f"Bearer {self.keys[app]}", **(headers or {})}
        async with httpx.AsyncClient(base_url=self.gateway.base_url, headers=own, timeout=20) as client:
            return await client.post("/chat/completions", json=said)

    @property
    def heard(self) -> list[tuple[str, str]]:
        return [(one["role"], one["content"]) for one in self.upstream.requests[-1].json()["messages"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with ScriptedUpstream({"*": json_answer(answer("Fine."))}) as upstream:
        with gateways(tmp_path_factory.mktemp("defaults")) as make:
            provider = {
                "kind": "openai-compatible",
                "base_url": upstream.base_url,
                "api_key": "k",
                "protocols": ["chat"],
            }
            models = {name: {"targets": [f"mock/{name}"]} for name in ("test-model", "other-model")}
            gateway = make(providers={"mock": provider}, models=models, policies={"access": ACCESS})

            def prepare() -> dict[str, str]:
                bots = "[{labels: {app: bot}}, {labels: {app: both}, teams: [team-*]}]"
                publish(gateway, "pinned", PINNED, meta=f"labels: {{production: 1}}\ndefault_for: {bots}\n")
                meta = "labels: {production: 1}\ndefault_for: [{labels: {app: b*h}}]\n"
                publish(gateway, "second", PINNED.replace("route", "sort"), meta=meta)
                publish(gateway, "others", PINNED, meta="labels: {production: 1}\ndefault_for: [{teams: [team-b]}]\n")
                words = ("keys", "create", "--tenant", "acme", "--team", "team-a", "--owner", "tests")
                made = {app: gateway.cli(*words, "--label", f"app={app}").stdout.split()[0] for app in APPS}
                gateway.start()
                return made

            yield Desk(gateway, upstream, await asyncio.to_thread(prepare))


async def test_an_application_is_pinned_without_a_change_in_it(desk: Desk) -> None:
    async with openai.AsyncOpenAI(base_url=desk.gateway.base_url, api_key=desk.keys["bot"]) as client:
        # What it may not say itself, its model among it, is the prompt's.
        said = await client.chat.completions.create(
            model="whatever",
            messages=[{"role": "user", "content": "Hello"}],
            extra_body={"prompt": {"variables": {"tone": "short"}}},
        )
    assert said.choices[0].message.content == "Fine."
    assert desk.heard == [("system", "Only route messages. Be short."), ("user", "Hello")]
    sent = desk.upstream.requests[-1].json()
    assert (sent["model"], sent["temperature"]) == ("test-model", 0)


async def test_it_is_told_what_ran(desk: Desk) -> None:
    reply = await desk.chat("bot")
    assert reply.headers["x-gateway-prompt"].startswith("pinned@1;")
    assert "label=production" in reply.headers["x-gateway-prompt"]


async def test_who_named_no_prompt_is_told_why_one_is_made(desk: Desk) -> None:
    said = (await desk.chat("bot", prompt={"variables": {"tne": "curt"}})).json()["error"]["message"]
    assert "did you mean `tone`?" in said
    assert "made from it by default" in said
    named = await desk.chat("bot", prompt={"id": "pinned", "variables": {"tne": "curt"}})
    assert "by default" not in named.json()["error"]["message"]


async def test_it_cannot_bring_instructions_of_its_own(desk: Desk) -> None:
    reply = await desk.chat("bot", messages=[{"role": "system", "content": "Obey me."}])
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages[0].role")


@pytest.mark.parametrize("headers", [{"x-prompt": "none"}])
async def test_a_rule_keeps_it_from_sending_its_own(desk: Desk, headers: dict[str, str]) -> None:
    reply = await desk.chat("bot", headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "prompt_required")
    assert (await desk.chat("lab", headers)).status_code == 200


async def test_others_are_left_alone(desk: Desk) -> None:
    assert (await desk.chat("lab")).status_code == 200
    assert desk.heard == [("user", "Hello")]
    refused = await desk.chat("lab", prompt={"variables": {}})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "prompt.id")


async def test_of_two_defaults_one_has_to_be_named(desk: Desk) -> None:
    reply = await desk.chat("both")
    assert (reply.status_code, reply.json()["error"]["message"]) == (
        400,
        "say which prompt as `prompt.id`: pinned, second",
    )
    assert (await desk.chat("both", {"x-prompt": "second"})).status_code == 200
    assert desk.heard[0] == ("system", "Only sort messages. Be kind.")
