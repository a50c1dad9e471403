"""README's examples of prompts, run as they stand there, by the SDKs that they are for."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream, json_answer
from tests.behaviour.test_guardrails import answer
from tests.conftest import ROOT, Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "It rained all day."
(EXAMPLES,) = re.findall(
    r"```python\n(client\.responses\.create\(prompt=.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
)
CALLS = {one.partition(".create")[0]: one for one in re.split(r"\n(?=client\.)", EXAMPLES.replace("…", TEXT))}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({"*": json_answer(answer("It rained."))}) as upstream:
        with gateways(tmp_path_factory.mktemp("examples")) as make:
            provider = {
                "kind": "openai-compatible",
                "base_url": upstream.base_url,
                "api_key": "k",
                "protocols": ["chat"],
            }
            gateway = make(providers={"mock": provider}, models={"smollm2": {"targets": ["mock/smollm2"]}})
            shutil.copytree(ROOT / "policies" / "prompts", gateway.folder / "policies" / "prompts")
            await asyncio.to_thread(gateway.start)
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
                yield Site(gateway, upstream, client)


async def test_there_is_one_for_each_protocol_that_has_an_sdk_of_its_own() -> None:
    assert list(CALLS) == ["client.responses", "client.chat.completions", "client.messages"]


async def run(site: Site, call: str) -> Any:
    """Raises: what the SDK does."""
    key, url = site.gateway.key, site.gateway.url
    if call.startswith("client.messages"):
        async with anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0) as client:
            return await eval(call, {"client": client})
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        return await eval(call, {"client": client})


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
async def test_it_runs(fresh: Site, call: str) -> None:
    said = await run(fresh, call)
    assert "It rained." in str(said)
    sent = fresh.upstream.requests[-1].json()
    assert TEXT in str(sent["messages"])
    assert sent.get("max_tokens", sent.get("max_completion_tokens")) == 120, "the prompt's own"


async def test_fewer_tokens_than_the_prompt_takes_can_be_asked_for_in_messages(fresh: Site) -> None:
    await run(fresh, CALLS["client.messages"].replace("max_tokens=500", "max_tokens=30"))
    sent = fresh.upstream.requests[-1].json()
    assert sent.get("max_tokens", sent.get("max_completion_tokens")) == 30
