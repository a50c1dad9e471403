"""`gateway targets` beside a running gateway."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from gateway.testing import json_answer
from tests.behaviour.test_routes import CHAT, body, said, two_upstreams
from tests.conftest import Gateway, GatewayFactory, within


async def status_of(gateway: Gateway, place: str) -> dict[str, Any]:
    async with httpx.AsyncClient(headers=gateway.operator, timeout=20) as client:
        return (await client.get(f"{gateway.url}/admin/status")).json()["targets"].get(place) or {}


async def until_taken_out(gateway: Gateway, place: str, taken_out: bool) -> dict[str, Any]:
    async with within(10):
        while bool((found := await status_of(gateway, place)).get("taken_out")) is not taken_out:
            await asyncio.sleep(0.02)
    return found


@pytest.mark.asyncio
async def test_a_target_is_taken_out_survives_a_restart_and_is_put_back(make_gateway: GatewayFactory) -> None:
    async with two_upstreams(make_gateway, "routes: {}") as (gateway, first, second, client):
        first.set(CHAT, json_answer(said("from one")))
        second.set(CHAT, json_answer(said("from two")))

        async def answered() -> str:
            return (await client.post("/chat/completions", json=body())).headers["x-gateway-target"]

        assert await answered() == "one/m"
        drain = ["targets", "drain", "one/m", "--reason", "incident 4711"]
        assert "no new calls" in (await asyncio.to_thread(gateway.cli, *drain)).stdout
        shown = await until_taken_out(gateway, "one/m", True)
        assert shown["taken_out"]["reason"] == "incident 4711"
        assert shown["taken_out"]["by"].startswith("cli:")
        assert await answered() == "two/m"
        assert await asyncio.to_thread(gateway.stop) == 0
        await asyncio.to_thread(gateway.start)
        await until_taken_out(gateway, "one/m", True)
        assert await answered() == "two/m"
        listed = json.loads((await asyncio.to_thread(gateway.cli, "targets", "list", "--json")).stdout)
        assert [one["target"] for one in listed if one["taken_out"]] == ["one/m"]
        await asyncio.to_thread(gateway.cli, "targets", "undrain", "one/m")
        await until_taken_out(gateway, "one/m", False)
        assert await answered() == "one/m"
        async with httpx.AsyncClient(headers=gateway.operator, timeout=20) as operator:
            lines = (await operator.get(f"{gateway.url}/admin/audit")).json()["data"]
        assert [(one["action"], one["object"]) for one in lines if one["action"].startswith("target.")] == [
            ("target.drain", "one/m"),
            ("target.undrain", "one/m"),
        ]


def test_a_misspelt_target_is_not_taken_out(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    for wrong, why in (
        ("mock/reel-model", "did you mean `real-model`"),
        ("mack/real-model", "unknown provider `mack`"),
        ("real-model", "a target is `provider/model`"),
    ):
        refused = gateway.cli("targets", "drain", wrong, check=False)
        assert refused.returncode == 1
        assert why.split("`")[0] in refused.stderr, refused.stderr
    assert gateway.cli("targets", "undrain", "mock/real-model", check=False).returncode == 1
    (gateway.folder / "policies" / "access.yaml").write_text("rules: [what]\n")
    gateway.cli("targets", "drain", "mock/real-model")
