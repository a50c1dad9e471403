"""A real gateway in front of a real OpenID provider: users call with their own tokens."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import openai
import pytest
import pytest_asyncio

from gateway.core.extras import installing
from gateway.stores.files import digest
from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import Gateway, gateways, within
from tests.identity.issuing import CONFIGURATION, JWKS, Provider, provider

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "real-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
MESSAGES = [{"role": "user", "content": "hello"}]


@dataclass
class Users:
    gateway: Gateway
    upstream: ScriptedUpstream
    idp: Provider

    def sdk(self, token: str) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self.gateway.base_url, api_key=token, max_retries=0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def users(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Users]:
    async with ScriptedUpstream({"/v1/chat/completions": [json_answer(ANSWER)]}) as upstream, provider() as idp:
        issuer = {
            "issuer": idp.issuer,
            "audience": ["gateway"],
            "refresh_s": 1,
            "tenant": {"claim": "org"},
            "team": {"claim": "groups", "map": {"team-a": "team-a"}},
            "admin_role": {"claim": "roles", "map": {"sec": "security"}},
        }
        with gateways(tmp_path_factory.mktemp("users")) as make:
            made = make(upstream.base_url, identity={"issuers": [issuer]})
            yield Users(await asyncio.to_thread(made.start), upstream, idp)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_openai_sdk_calls_with_a_users_token_and_the_ledger_knows_the_user(users: Users) -> None:
    async with users.sdk(users.idp.token()) as sdk:
        said = await sdk.chat.completions.create(model="test-model", messages=MESSAGES)  # type: ignore[arg-type]
        assert said.choices[0].message.content == "hi"
        assert [model.id async for model in sdk.models.list()] == ["test-model"]
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve("resp_none")
    (record,) = await asyncio.to_thread(users.gateway.records, 1)
    user = "user_" + digest(users.idp.issuer.encode(), b"u-1")
    assert (record["tenant"], record["team"], record["key_id"]) == ("acme", "team-a", user)
    (asked,) = users.upstream.requests
    assert asked.headers["authorization"] == "Bearer sk-up", "a user's token never goes upstream"


@pytest.mark.asyncio(loop_scope="module")
async def test_keys_go_on_working_beside_tokens(users: Users) -> None:
    async with users.sdk(users.gateway.key) as sdk:
        assert [model.id async for model in sdk.models.list()] == ["test-model"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_refused_token_hears_what_an_unknown_key_hears_and_is_counted(users: Users) -> None:
    said: list[tuple[int, object]] = []
    wrong = users.idp.token(aud="someone")
    async with httpx.AsyncClient(base_url=users.gateway.base_url, timeout=20) as client:
        for credential in ("gw-" + "A" * 43, wrong, users.idp.token(groups=[])):
            for ask in (
                client.post("/chat/completions", headers={"x-api-key": credential}, json={"model": "test-model"}),
                client.get("/models", headers={"authorization": f"Bearer {credential}"}),
            ):
                answer = await ask
                error = answer.json()["error"]
                said.append((answer.status_code, error["message"]))
    assert said[0:2] == said[2:4] == said[4:6]
    assert {status for status, _ in said} == {401}
    assert await users.gateway.metrics('gateway_tokens_refused_total{reason="audience"}') == 2
    assert await users.gateway.metrics('gateway_tokens_refused_total{reason="mapping"}') == 2
    async with within(20):
        while "was refused: audience" not in users.gateway.log():
            await asyncio.sleep(0.05)
    assert wrong.split(".")[2] not in users.gateway.log()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rotation_at_the_issuer_is_followed_by_a_running_gateway(users: Users) -> None:
    users.idp.publish(first="RS256", second="ES256")
    async with users.sdk(users.idp.token("second")) as sdk:
        assert [model.id async for model in sdk.models.list()] == ["test-model"]


@pytest.mark.asyncio(loop_scope="module")
async def test_an_issuer_that_is_away_is_told_to_operators_and_its_users_go_on(users: Users) -> None:
    users.idp.publish(first="RS256")

    async def problems() -> list[str]:
        async with httpx.AsyncClient(headers=users.gateway.operator, timeout=20) as client:
            return (await client.get(f"{users.gateway.url}/admin/status")).json()["problems"]

    async with users.sdk(users.idp.token(sub="u-2")) as sdk, within(20):
        await sdk.models.list()
        users.idp.away()
        while not (told := await problems()):
            await asyncio.sleep(0.1)
        # It may have gone between the two that are asked for.
        told_of = [
            f"{users.idp.issuer}: {users.idp.issuer}{place} answered with status 503" for place in (CONFIGURATION, JWKS)
        ]
        assert told in [[one] for one in told_of]
        assert [model.id async for model in sdk.models.list()] == ["test-model"]
        users.idp.publish(first="RS256")
        while await problems():
            await asyncio.sleep(0.1)


async def test_an_issuer_without_what_verifies_its_tokens_keeps_the_gateway_from_starting(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    issuer = {
        "issuer": "https://login.example.com",
        "audience": ["x"],
        "tenant": {"value": "a"},
        "team": {"value": "b"},
    }
    folder = tmp_path_factory.mktemp("missing")
    with gateways(folder) as make:
        gateway = make(identity={"issuers": [issuer]})
        # As if it were not installed: a package of that name that is none.
        (folder / "sitecustomize.py").write_text("import sys; sys.modules['jwt'] = None\n")

        environment = {**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"}
        for verb in ("check", "serve"):
            command = [sys.executable, "-m", "gateway.cli", verb, "--config", str(gateway.config_file)]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=180, check=False)
            assert done.returncode == 1
            assert f"identity needs the extra `oidc`: {installing('oidc')}" in done.stdout + done.stderr
