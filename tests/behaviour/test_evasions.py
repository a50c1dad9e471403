"""Ways around a policy, tried against a real gateway: what was judged is what is sent, and nothing hides from it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import CARD, Gateway, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {"id": "c", "object": "chat.completion", "choices": []}
ACCESS = """
hide_models: true
rules:
  - {id: all, effect: allow, owner: o, reason: r, teams: [team-a]}
  - {id: no-secret, effect: deny, owner: o, reason: r, models: [secret]}
  - {id: no-restricted, effect: deny, owner: o, reason: r, data_classes: [restricted]}
  - {id: no-tools, effect: deny, owner: o, reason: r, operations: [tools]}
"""
OLD = """
name: old
targets: [{target: mock/old}]
life: {approved: {by: t, on: 2020-01-01}, deprecated: {on: 2021-01-01, successor: secret}}
"""
POLICIES = {"access": ACCESS, "models/old": OLD, "models/secret": CARD.format(name="secret", target="mock/secret")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient]]:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        with gateways(tmp_path_factory.mktemp("evasions")) as make:
            gateway = await asyncio.to_thread(make(upstream.base_url, policies=POLICIES).start)
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=10) as client:
                yield gateway, client


@pytest.mark.parametrize(
    "said", [["restricted", "public"], ["restricted", ""], ["public", "restricted"], ["public, restricted"]]
)
async def test_a_second_header_does_not_hide_a_higher_class_of_data(
    guarded: tuple[Gateway, httpx.AsyncClient], said: list[str]
) -> None:
    _, client = guarded
    headers = [("x-gateway-data-class", one) for one in said]
    answer = await client.post("/chat/completions", json=BODY, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert (await client.get("/models", headers=headers)).json()["data"] == []
    assert (await client.post("/chat/completions", json=BODY, headers={"x-gateway-data-class": ""})).status_code == 200


async def test_two_keys_are_nobodys(guarded: tuple[Gateway, httpx.AsyncClient]) -> None:
    gateway, _ = guarded
    headers = [("authorization", "Bearer somebody-else"), ("authorization", f"Bearer {gateway.key}")]
    async with httpx.AsyncClient(base_url=gateway.base_url, timeout=20) as client:
        assert (await client.post("/chat/completions", json=BODY, headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "name", ["Tools", "TOOLS", "tool\u017f", "Max_Tokens", "N_PREDICT", "maxoutputtokens", "STORE"]
)
async def test_a_field_in_another_case_is_not_smuggled_past(
    guarded: tuple[Gateway, httpx.AsyncClient], name: str
) -> None:
    _, client = guarded
    answer = await client.post("/chat/completions", json={**BODY, name: [{"type": "function"}]})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"].casefold() == name.casefold()


async def test_a_hidden_successor_is_not_told_of(guarded: tuple[Gateway, httpx.AsyncClient]) -> None:
    _, client = guarded
    answer = await client.post("/chat/completions", json={**BODY, "model": "old"})
    assert (answer.status_code, answer.headers["deprecation"]) == (200, "@1609459200")
    assert "secret" not in str(answer.headers)
    listed = await client.get("/models")
    assert "old" in listed.text
    assert "secret" not in listed.text
