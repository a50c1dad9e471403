"""Langfuse's own SDK reads the gateway's prompts; of an application's code nothing changes but the address and the key."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from langfuse import Langfuse
from langfuse.api import NotFoundError, UnauthorizedError

from tests.behaviour.test_prompts import prepare
from tests.conftest import Gateway, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    with gateways(tmp_path_factory.mktemp("langfuse")) as make:
        made = make()
        await asyncio.to_thread(prepare, made)
        yield await asyncio.to_thread(made.start)


@pytest.fixture
def langfuse(gateway: Gateway) -> Iterator[Langfuse]:
    client = Langfuse(public_key="pk-lf-any", secret_key=gateway.key, base_url=gateway.url, tracing_enabled=False)
    yield client
    client.shutdown()


async def test_a_prompt_is_fetched_and_compiled(langfuse: Langfuse) -> None:
    def found(**wanted: Any) -> Any:
        return langfuse.get_prompt("plain", type="chat", cache_ttl_seconds=0, **wanted)

    plain = await asyncio.to_thread(found)
    assert (plain.name, plain.version, plain.labels) == ("plain", 1, ["production"])
    assert plain.config == {"model": "test-model", "temperature": 0}
    assert plain.compile(word="very ", text="Hello") == [
        {"role": "system", "content": "Be very brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert (await asyncio.to_thread(found, label="latest")).version == 2
    assert (await asyncio.to_thread(found, version=2)).version == 2


async def test_all_are_listed(langfuse: Langfuse) -> None:
    listed = await asyncio.to_thread(langfuse.api.prompts.list, limit=50)
    assert {"plain", "support/triage", "open"} <= {one.name for one in listed.data}


async def test_what_is_not_there_is_said_in_its_words(langfuse: Langfuse, gateway: Gateway) -> None:
    with pytest.raises(NotFoundError, match="did you mean `plain`"):
        await asyncio.to_thread(langfuse.api.prompts.get, "plane")
    told = await asyncio.to_thread(langfuse.get_prompt, "plane", type="text", fallback="Hi {{who}}", max_retries=0)
    assert (told.is_fallback, told.compile(who="Ada")) == (True, "Hi Ada")
    stranger = Langfuse(public_key="pk-lf-other", secret_key="gw-wrong", base_url=gateway.url, tracing_enabled=False)
    with pytest.raises(UnauthorizedError):
        await asyncio.to_thread(stranger.api.prompts.get, "plain")
    stranger.shutdown()
