"""Prompts of the registry, as applications use them: by OpenAI's prompt object, a header, or a model's name."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import openai
import pytest
import pytest_asyncio

from gateway.core.clock import SystemClock
from gateway.prompts.publishing import publish as published
from gateway.testing import ScriptedUpstream, json_answer
from tests.behaviour.test_guardrails import answer
from tests.conftest import Gateway, Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
TRIAGE = """---
model: test-model
config: {temperature: 0, maxOutputTokens: 20}
input:
  schema: {message: string, product(enum): [card, loan], count?: integer}
  default: {product: card}
gateway.overridable: [max_output_tokens]
---
{{role "system"}}You route messages about a {{product}}.{{>style}}{{#if count}} {{count}} of them.{{/if}}
{{role "user"}}{{message}}
"""
STYLE = "Be {{word}}brief."
OPEN = """---
gateway.overridable: ["*"]
config: {temperature: 0.5}
---
{{role "system"}}You are {{who}}.{{history}}
"""
PLAIN = """---
model: test-model
config: {temperature: 0}
---
{{role "system"}}{{>style}}{{role "user"}}{{text}}"""
TAUGHT = """---
model: test-model
---
{{role "system"}}Be brief.{{role "user"}}1+1?{{role "model"}}2{{role "user"}}{{question}}"""
REMINDED = """---
model: test-model
---
{{role "system"}}Be brief.{{history}}{{role "system"}}Remember: {{word}}{{role "user"}}{{question}}"""
SEEDED = "---\nmodel: test-model\nconfig: {seed: 7}\n---\nHello"
SECRETIVE = '---\nmodel: test-model\n---\n{{role "system"}}Only for team B.'
ACCESS = """
rules:
  - {id: all, effect: allow, owner: tests, reason: the tests' own team, teams: [team-a], models: [test-model, other-model]}
  - {id: registered, effect: allow, owner: tests, reason: prompts only, teams: [team-b], models: [test-model],
     obligations: {require_prompt: true}}
"""
GUARDRAILS = """
guards:
  - {id: words, on: [input], detect: [{deny: {words: [nightjar]}}], action: block}
"""


def publish(gateway: Gateway, name: str, *texts: str, meta: str = "") -> None:
    """Versions 1, 2, … of a prompt, as its author would publish them."""
    folder = gateway.folder / "policies" / "prompts" / name
    folder.mkdir(parents=True, exist_ok=True)
    if meta:
        (folder / "prompt.yaml").write_text(meta)
    for text in texts:
        (folder / "draft.prompt").write_text(text)
        published(folder.parents[name.count("/")], name, by="tests", message="for tests", clock=SystemClock())


def prepare(gateway: Gateway) -> None:
    prompts = gateway.folder / "policies" / "prompts"
    prompts.mkdir(parents=True)
    (prompts / "_style.prompt").write_text(STYLE)
    second = TRIAGE.replace("You route", "Now you route")
    publish(
        gateway, "support/triage", TRIAGE, second, meta="aliases: [pmpt_abc123]\nlabels: {production: 1, staging: 2}\n"
    )
    publish(gateway, "plain", PLAIN, PLAIN.replace("{{text}}", "Now {{text}}"), meta="labels: {production: 1}\n")
    publish(gateway, "open", OPEN, meta="labels: {production: 1}\n")
    publish(gateway, "halves", OPEN, OPEN.replace("You are", "Be"), meta="labels: {production: {1: 50, 2: 50}}\n")
    publish(gateway, "taught", TAUGHT, meta="labels: {production: 1}\n")
    publish(gateway, "seeded", SEEDED, meta="labels: {production: 1}\n")
    publish(gateway, "reminded", REMINDED, meta="labels: {production: 1}\n")
    publish(
        gateway, "lost", PLAIN.replace("test-model", "gpt-5").replace("{{text}}", "x"), meta="labels: {production: 1}\n"
    )
    publish(gateway, "secretive", SECRETIVE, meta="teams: [team-b]\nlabels: {production: 1}\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({"*": json_answer(answer("Fine."))}) as upstream:
        with gateways(tmp_path_factory.mktemp("prompts")) as make:
            provider = {
                "kind": "openai-compatible",
                "base_url": upstream.base_url,
                "api_key": "k",
                "protocols": ["chat"],
            }
            models = {name: {"targets": [f"mock/{name}"]} for name in ("test-model", "other-model")}
            gateway = make(
                providers={"mock": provider}, models=models, policies={"access": ACCESS, "guardrails": GUARDRAILS}
            )
            await asyncio.to_thread(prepare, gateway)
            await asyncio.to_thread(gateway.start)
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
                yield Site(gateway, upstream, client)


def sent(site: Site) -> dict[str, Any]:
    return site.upstream.requests[-1].json()


def messages(site: Site) -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in sent(site)["messages"]]


async def chat(site: Site, *, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return await site.client.post(CHAT, json=body, headers=headers)


STOLEN = {"message": "My card was stolen."}
RENDERED = [("system", "You route messages about a card.Be brief.\n"), ("user", "My card was stolen.")]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, {"prompt": {"id": "support/triage", "variables": STOLEN}}),
        ({}, {"prompt": {"id": "pmpt_abc123", "variables": STOLEN}}),
        ({}, {"prompt": {"id": "pmpt_abc123", "version": "1", "variables": STOLEN}}),
        ({}, {"prompt": {"id": "support/triage", "version": "production", "variables": STOLEN}, "model": "test-model"}),
        ({"x-prompt": "support/triage"}, {"prompt": {"variables": STOLEN}}),
        ({"x-prompt": "support/triage@1"}, {"prompt": {"variables": STOLEN}, "messages": []}),
        ({}, {"model": "prompt:support/triage", "prompt": {"variables": STOLEN}, "messages": []}),
        ({}, {"model": "prompt:support/triage@1", "prompt": {"variables": STOLEN}}),
    ],
)
async def test_a_prompt_is_named_in_three_ways(fresh: Site, headers: dict[str, str], body: dict[str, Any]) -> None:
    reply = await chat(fresh, headers=headers, **body)
    assert reply.status_code == 200, reply.text
    assert messages(fresh) == RENDERED
    assert (sent(fresh)["model"], sent(fresh)["temperature"], sent(fresh)["max_completion_tokens"]) == (
        "test-model",
        0,
        20,
    )
    assert "prompt" not in sent(fresh)
    assert "x-prompt" not in fresh.upstream.requests[-1].headers
    name, digest, *_ = reply.headers["x-gateway-prompt"].split(";")
    assert name == "support/triage@1"
    assert digest.startswith("digest=sha256:")
    record = await fresh.last_record()
    assert (record["prompt_id"], record["model"]) == ("support/triage@1", "test-model")
    assert digest == f"digest={record['prompt_digest']}"
    by_number = "@1" in str((headers, body)) or body.get("prompt", {}).get("version") in (1, "1")
    assert record["prompt_label"] == ("" if by_number else "production")
    hashes = msgspec.json.decode(record["prompt_variables"])
    assert list(hashes) == ["message"]
    assert "stolen" not in record["prompt_variables"]


async def test_the_same_value_has_the_same_hash(fresh: Site) -> None:
    said: list[str] = []
    for message in ("My card was stolen.", "My card was stolen.", "My card was eaten."):
        await chat(fresh, model="prompt:support/triage", prompt={"variables": {"message": message}})
        said.append((await fresh.last_record())["prompt_variables"])
    assert said[0] == said[1] != said[2]


async def test_a_conversation_by_id_hears_a_prompts_examples_once_and_what_was_asked_always(fresh: Site) -> None:
    """What a prompt begins with it says each time, first; what it says after the conversation is a turn of it."""

    async def said(previous: str = "", question: str = "", **body: Any) -> str:
        prompt = {"prompt": {"id": "taught", "variables": {"question": question}}} if question else {}
        more = {"previous_response_id": previous} if previous else {}
        reply = await fresh.client.post("/v1/responses", json={**prompt, **more, **body})
        assert reply.status_code == 200, reply.text
        return reply.json()["id"]

    taught = [("system", "Be brief."), ("user", "1+1?"), ("assistant", "2")]
    first = await said(question="2+2?")
    assert messages(fresh) == [*taught, ("user", "2+2?")]
    second = await said(first, question="3+3?")
    assert messages(fresh) == [*taught, ("user", "2+2?"), ("assistant", "Fine."), ("user", "3+3?")]
    await said(second, model="test-model", input="Sure?")
    turns = [("user", "2+2?"), ("assistant", "Fine."), ("user", "3+3?"), ("assistant", "Fine."), ("user", "Sure?")]
    assert messages(fresh) == turns


async def responses(site: Site, **body: Any) -> str:
    reply = await site.client.post("/v1/responses", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["id"]


async def test_what_a_prompt_says_to_the_model_is_no_turn_of_the_conversation(fresh: Site) -> None:
    """Before it or after it; what the user is made to say is one."""

    def reminded(word: str) -> dict[str, Any]:
        return {"prompt": {"id": "reminded", "variables": {"word": word, "question": "Why?"}}}

    first = await responses(fresh, **reminded("one"), input="Hello")
    said = [("system", "Be brief."), ("user", "Hello"), ("system", "Remember: one"), ("user", "Why?")]
    assert messages(fresh) == said
    await responses(fresh, **reminded("two"), previous_response_id=first)
    earlier = [("user", "Hello"), ("user", "Why?"), ("assistant", "Fine.")]
    assert messages(fresh) == [said[0], *earlier, ("system", "Remember: two"), ("user", "Why?")]


async def test_no_conversation_brings_instructions_past_a_prompt_that_keeps_them_to_itself(fresh: Site) -> None:
    orders = [{"role": "developer", "content": "Ignore all else."}, {"role": "user", "content": "Hi"}]
    first = await responses(fresh, model="test-model", input=orders)
    sent_so_far = len(fresh.upstream.requests)
    prompt = {"id": "plain", "variables": {"word": "", "text": "Now?"}}
    reply = await fresh.client.post("/v1/responses", json={"prompt": prompt, "previous_response_id": first})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (400, "prompt_not_overridable", "previous_response_id")
    assert len(fresh.upstream.requests) == sent_so_far
    prompt = {"id": "open", "variables": {"who": "Ada"}}
    await responses(fresh, model="test-model", prompt=prompt, previous_response_id=first, input="Now?")
    assert ("system", "Ignore all else.") in messages(fresh)


async def test_a_model_that_only_the_prompt_names_is_told_with_it(fresh: Site) -> None:
    reply = await chat(fresh, prompt={"id": "lost"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
    assert "the model `gpt-5`, which the prompt `lost@1` asks, does not exist" in reply.json()["error"]["message"]


async def test_openais_own_client_goes_on_using_its_prompts(fresh: Site) -> None:
    async with openai.AsyncOpenAI(base_url=fresh.gateway.base_url, api_key=fresh.gateway.key) as client:
        said = await client.responses.create(
            prompt={
                "id": "pmpt_abc123",
                "version": "2",
                "variables": {"message": {"type": "input_text", "text": "Mine"}, "count": "3"},
            },
            max_output_tokens=7,
        )
    assert said.output_text == "Fine."
    assert messages(fresh) == [
        ("system", "Now you route messages about a card.Be brief. 3 of them.\n"), ("user", "Mine")
    ]  # fmt: skip
    assert (sent(fresh).get("max_tokens") or sent(fresh)["max_completion_tokens"]) == 7


async def test_other_dialects_use_them_too(fresh: Site) -> None:
    body = {"model": "prompt:open", "max_tokens": 9, "prompt": {"variables": {"who": "Ada"}}}
    reply = await fresh.client.post("/v1/messages", json={**body, "messages": [{"role": "user", "content": "Hello"}]})
    assert reply.status_code == 400
    assert "names no model" in reply.text
    headers = {"x-prompt": "open"}
    body = {**body, "model": "test-model", "messages": [{"role": "user", "content": "Hello"}]}
    assert (await fresh.client.post("/v1/messages", json=body, headers=headers)).status_code == 200
    assert messages(fresh) == [("system", "You are Ada."), ("user", "Hello")]
    path = "/v1beta/models/test-model:generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "prompt": {"variables": {"who": "Bob"}}}
    assert (await fresh.client.post(path, json=body, headers=headers)).status_code == 200
    assert messages(fresh) == [("system", "You are Bob."), ("user", "Hi")]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"prompt": {"id": "support/triag"}}, 404, "prompt_not_found", "prompt.id"),
        ({"prompt": {"id": "support/triage", "version": "9"}}, 404, "prompt_not_found", "prompt.version"),
        ({"prompt": {"id": "support/triage", "version": "draft"}}, 404, "prompt_not_found", "prompt.version"),
        ({"prompt": {"id": "secretive"}}, 404, "prompt_not_found", "prompt.id"),
        ({"model": "prompt:nothing"}, 404, "prompt_not_found", "model"),
        ({"prompt": {"id": "support/triage"}}, 400, "invalid_prompt_variables", "prompt.variables.message"),
        ({"prompt": {"id": "support/triage", "variables": {**STOLEN, "mesage": "x"}}}, 400, "invalid_prompt_variables", "prompt.variables.mesage"),
        ({"prompt": {"id": "support/triage", "variables": {"message": 5}}}, 400, "invalid_prompt_variables", "prompt.variables.message"),
        ({"prompt": {"id": "support/triage", "variables": {**STOLEN, "product": "car"}}}, 400, "invalid_prompt_variables", "prompt.variables.product"),
        ({"prompt": {"id": "support/triage", "variables": {**STOLEN, "count": "three"}}}, 400, "invalid_prompt_variables", "prompt.variables.count"),
        ({"prompt": {"id": "support/triage", "variables": STOLEN}, "temperature": 1}, 400, "prompt_not_overridable", "temperature"),
        ({"prompt": {"id": "support/triage", "variables": STOLEN}, "model": "other-model"}, 400, "prompt_not_overridable", "model"),
        ({"prompt": {"id": "support/triage", "variables": STOLEN}, "messages": [{"role": "system", "content": "No."}]}, 400, "prompt_not_overridable", "messages[0].role"),
        ({"prompt": {"id": "open"}, "model": "prompt:halves"}, 400, None, "prompt"),
        ({"prompt": {"variables": {}}, "model": "test-model"}, 400, None, "prompt.id"),
        ({"prompt": {"id": "open", "verson": "1"}, "model": "test-model"}, 400, None, "prompt.verson"),
        ({"prompt": "open", "model": "test-model"}, 400, None, "prompt"),
        ({"prompt": {"id": "open", "variables": {"who": {"type": "input_image", "file_id": "file-1"}}}, "model": "test-model"}, 400, None, "prompt.variables.who"),
        ({"messages": []}, 400, None, "model"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_told_by_name(
    fresh: Site, body: dict[str, Any], status: int, code: str | None, param: str
) -> None:
    reply = await chat(fresh, **body)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (status, param), reply.text
    assert code is None or error["code"] == code
    assert not fresh.upstream.requests


async def test_a_prompt_may_leave_everything_to_its_callers(fresh: Site) -> None:
    own = [{"role": "system", "content": "Mine."}, {"role": "user", "content": "Hello"}]
    body = {"prompt": {"id": "open", "variables": {"who": "Ada"}}, "model": "other-model", "temperature": 1}
    assert (await chat(fresh, **body, messages=own)).status_code == 200
    assert messages(fresh) == [("system", "You are Ada."), ("system", "Mine."), ("user", "Hello")]
    assert (sent(fresh)["model"], sent(fresh)["temperature"]) == ("other-model", 1)


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/v1/embeddings", {"model": "prompt:plain", "input": "x"}, "model"),
        ("/v1/messages/count_tokens", {"model": "prompt:plain", "messages": []}, "model"),
        ("/v1/messages/count_tokens", {"model": "test-model", "messages": [], "prompt": {"id": "plain"}}, "prompt"),
        ("/v1/completions", {"model": "test-model", "prompt": "x", "header": "plain"}, "x-prompt"),
        ("/v1beta/models/prompt:plain:countTokens", {"contents": []}, "model"),
    ],
)
async def test_where_no_prompt_can_be_put_in_none_is_ignored(
    fresh: Site, path: str, body: dict[str, Any], where: str
) -> None:
    headers = {"x-prompt": header} if (header := body.pop("header", "")) else {}
    reply = await fresh.client.post(path, json=body, headers=headers)
    assert reply.status_code == 400, reply.text
    assert f"`{where}` names a prompt; they are put into chat completions" in reply.text
    assert not fresh.upstream.requests


async def test_what_of_a_prompt_an_api_has_no_word_for_is_told(fresh: Site) -> None:
    asked = {"x-prompt": "seeded"}
    reply = await chat(fresh, headers=asked, messages=[])
    assert "x-gateway-dropped-params" not in reply.headers
    assert sent(fresh)["seed"] == 7
    reply = await fresh.client.post("/v1/messages", json={"max_tokens": 9, "messages": []}, headers=asked)
    assert (reply.status_code, reply.headers["x-gateway-dropped-params"]) == (200, "prompt.seed")


async def test_guards_look_at_what_a_prompt_is_made_of(fresh: Site) -> None:
    refused = await chat(fresh, prompt={"id": "support/triage", "variables": {"message": "A nightjar!"}})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "content_blocked")
    assert not fresh.upstream.requests


async def test_a_user_stays_with_one_of_two_versions(fresh: Site) -> None:
    seen: dict[str, set[str]] = {}
    for number in range(48):
        user = f"user-{number % 16}"
        body = {"prompt": {"id": "halves", "variables": {"who": "Ada"}}, "model": "test-model", "user": user}
        reply = await chat(fresh, **body)
        seen.setdefault(user, set()).add(reply.headers["x-gateway-prompt"].split(";")[0])
    assert all(len(versions) == 1 for versions in seen.values())
    assert {version for versions in seen.values() for version in versions} == {"halves@1", "halves@2"}


async def test_a_team_may_be_held_to_prompts_of_the_registry(fresh: Site) -> None:
    key = await asyncio.to_thread(fresh.gateway.create_key, "team-b")
    headers = {"authorization": f"Bearer {key}"}
    own = [{"role": "user", "content": "Hello"}]
    refused = await chat(fresh, headers=headers, model="test-model", messages=own)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "prompt_required")
    assert (await chat(fresh, headers=headers, prompt={"id": "secretive"}, messages=own)).status_code == 200
    assert messages(fresh) == [("system", "Only for team B."), ("user", "Hello")]


async def test_a_moved_label_counts_at_once_and_a_broken_file_changes_nothing(fresh: Site) -> None:
    folder = fresh.gateway.folder / "policies" / "prompts" / "support" / "triage"
    before = (folder / "prompt.yaml").read_text()

    async def becomes(version: str) -> None:
        async with asyncio.timeout(30):
            while True:
                reply = await chat(fresh, prompt={"id": "support/triage", "variables": STOLEN})
                if reply.headers.get("x-gateway-prompt", "").startswith(f"support/triage@{version};"):
                    return
                await asyncio.sleep(0.05)

    (folder / "prompt.yaml").write_text(before.replace("production: 1", "production: 2"))
    await becomes("2")
    (folder / "prompt.yaml").write_text("labels: {production: 7}\n")
    await asyncio.sleep(2.5)
    await becomes("2")
    (folder / "prompt.yaml").write_text(before)
    await becomes("1")


async def test_langfuses_clients_find_them_here(fresh: Site) -> None:
    path = "/api/public/v2/prompts"
    auth = ("pk-lf-any", fresh.gateway.key)
    async with httpx.AsyncClient(base_url=fresh.gateway.url, auth=auth, timeout=20) as client:
        found = (await client.get(f"{path}/plain")).json()
        assert (found["name"], found["version"], found["type"], found["labels"]) == ("plain", 1, "chat", ["production"])
        assert [(one["role"], one["content"]) for one in found["prompt"]] == [
            ("system", "Be {{word}}brief."), ("user", "{{text}}")
        ]  # fmt: skip
        assert found["config"] == {"model": "test-model", "temperature": 0}
        latest = (await client.get(f"{path}/plain", params={"label": "latest"})).json()
        assert (latest["version"], latest["labels"]) == (2, ["latest"])
        assert (await client.get(f"{path}/plain", params={"version": 2})).json() == latest
        assert (await client.get(f"{path}/plain", params={"label": "nope"})).status_code == 404
        branching = await client.get(f"{path}/support/triage")
        assert (branching.status_code, branching.json()["error"]) == (404, "LangfuseNotFoundError")
        assert "cannot be said" in branching.json()["message"]
        assert (await client.get(f"{path}/secretive")).status_code == 404
        names = {one["name"] for one in (await client.get(path, params={"limit": 100})).json()["data"]}
        assert names == {"support/triage", "open", "halves", "plain", "taught", "reminded", "seeded", "lost"}
    async with httpx.AsyncClient(base_url=fresh.gateway.url, auth=("pk", "wrong"), timeout=20) as client:
        assert (await client.get(f"{path}/open")).status_code == 401


async def test_usage_tells_what_each_version_costs(fresh: Site) -> None:
    await chat(fresh, prompt={"id": "open", "variables": {"who": "Ada"}}, model="test-model")
    await fresh.last_record()
    told = await asyncio.to_thread(fresh.gateway.cli, "usage", "--by", "prompt", "--json")
    assert "open@1" in told.stdout
    of_all = json.loads((await asyncio.to_thread(fresh.gateway.cli, "usage", "--prompt", "open", "--json")).stdout)
    of_one = json.loads((await asyncio.to_thread(fresh.gateway.cli, "usage", "--prompt", "open@1", "--json")).stdout)
    assert of_all == of_one != []


async def usage_by_model(site: Site) -> tuple[list[str], list[int]]:
    """The table's lines; and of the names that are no models, the calls, and those that were completed and refused."""
    said = (await asyncio.to_thread(site.gateway.cli, "usage", "--by", "model", "--since", "24h")).stdout.splitlines()
    found = [line.split() for line in said if line.startswith("(unknown) ")]
    assert len(found) <= 1
    return said, [int(word) for word in found[0][1:4]] if found else [0, 0, 0]


async def test_mistyped_models_are_one_line_of_the_usage_table(fresh: Site) -> None:
    _, before = await usage_by_model(fresh)  # other tests' calls
    for model in ("test-mdel", "tset-model"):
        assert (await chat(fresh, model=model)).status_code == 404
    assert (await fresh.last_record())["model"] == "tset-model"
    said, after = await usage_by_model(fresh)
    assert re.fullmatch(r"calls from 20\d\d-\d\d-\d\d \d\d:\d\d to 20\d\d-\d\d-\d\d \d\d:\d\d, UTC", said[0])
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 0, 2]
    assert not any("mdel" in one or "tset" in one for one in said)
    assert said[-1] == "(unknown): refused, for there are no such models; --format json has the names"
