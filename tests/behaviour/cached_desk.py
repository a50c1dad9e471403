"""A gateway with rules for caching, its callers, and what its upstream says."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import DONE, Received, ScriptedUpstream, Write, event, json_answer
from tests.conftest import Gateway, gateways

CHAT = "/v1/chat/completions"
TENANTS = """
tenants:
  - {id: acme, name: Acme, teams: [{id: team-a, name: A}, {id: team-b, name: B}]}
  - {id: other, name: Other, teams: [{id: theirs, name: Theirs}]}
"""
ACCESS = """
hide_models: true
rules:
  - {id: all, effect: allow, owner: tests, reason: tests, models: ["*"]}
  - {id: secret, effect: allow, owner: tests, reason: tests, models: [secret], obligations: {no_content: true}}
  - {id: ours, effect: deny, owner: tests, reason: tests, models: [spare], teams: [team-b]}
"""
OLD = """
name: old
targets: [{target: mock/old}]
life:
  approved: {by: tests, on: 2020-01-01}
  deprecated: {on: 2026-01-01, successor: spare, sunset: 2099-01-01}
"""
ROUTES = """
routes:
  frail: {fallbacks: {any: [spare]}, retries: {max_attempts: 2}}
retries: {max_attempts: 1}
ejection: {consecutive: 1000, min_calls: 1000}
"""
CACHE = """
rules:
  - {id: teams-own, match: {models: [for-teams]}, ttl_s: 600, shared: team}
  - {id: fixed, match: {models: [fixed]}, ttl_s: 600, only_deterministic: true}
  - {id: everybody, match: {models: [for-all]}, ttl_s: 600, shared: organisation}
  - {id: brief, match: {models: [brief]}, ttl_s: 0.000001, stale_s: 600}
  - {id: plain, match: {models: [test-model, secret, frail, old]}, ttl_s: 600}
"""
ANSWER = {
    "id": "chatcmpl-1",
    "model": "real-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "I am well."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}
COST_NANO = 7 * 1_000 + 3 * 2_000
CHUNKS = [
    event({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
    for text in ("I am ", "well.")
]
END = event({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": ANSWER["usage"]})
STREAM = b"".join((*CHUNKS, END, DONE))


class Desk:
    """A gateway with rules for caching, and callers of several teams and tenants."""

    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream, keys: dict[str, str]) -> None:
        self.gateway, self.upstream = gateway, upstream
        self.clients = {
            name: httpx.AsyncClient(base_url=gateway.base_url, headers={"authorization": f"Bearer {key}"}, timeout=20)
            for name, key in keys.items()
        }

    async def ask(self, said: str, who: str = "ours", control: str = "", **fields: Any) -> httpx.Response:
        body = {"model": "test-model", "messages": [{"role": "user", "content": said}], **fields}
        headers = {"cache-control": control} if control else {}
        return await self.clients[who].post("/chat/completions", json=body, headers=headers)

    @property
    def reached(self) -> int:
        return len(self.upstream.requests)

    async def record(self, answer: httpx.Response) -> dict[str, Any]:
        """The ledger's row of a call."""
        wanted = answer.headers["x-request-id"]
        for _ in range(400):
            rows = await asyncio.to_thread(self.gateway.records)
            if found := [row for row in rows if row["id"] == wanted]:
                return found[0]
            await asyncio.sleep(0.05)
        raise AssertionError("no record")


@contextlib.asynccontextmanager
async def desk_in(folder: Path, **policies: str) -> AsyncGenerator[Desk]:
    names = ("test-model", "for-teams", "fixed", "for-all", "brief", "secret", "uncached", "frail", "spare")
    models = {name: {"targets": [f"mock/{name}"]} for name in names}
    ours = {"tenants": TENANTS, "access": ACCESS, "cache": CACHE, "routes": ROUTES, "models/old": OLD}
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        with gateways(folder) as make:
            gateway = make(upstream.base_url, models=models, policies={**ours, **policies})
            keys = {"ours": gateway.create_key(), "team-b": gateway.create_key("team-b")}
            said = gateway.cli("keys", "create", "--tenant", "other", "--team", "theirs", "--owner", "o")
            keys["theirs"] = said.stdout.split()[0]
            await asyncio.to_thread(gateway.start)
            desk = Desk(gateway, upstream, keys)
            yield desk
            for client in desk.clients.values():
                await client.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path_factory.mktemp("cached")) as desk:
        yield desk


@pytest.fixture(autouse=True)
def answers_again(desk: Desk) -> None:
    desk.upstream.set(CHAT, json_answer(ANSWER))


def held_until(gate: asyncio.Event, *steps: bytes, before: int = 0) -> Any:
    """A stream that goes on past its first pieces when the gate is open."""
    return held_at({before: gate}, *steps)


def held_at(gates: Mapping[int, asyncio.Event], *steps: bytes) -> Any:
    """A stream that gives each piece which has a gate only when that is open."""

    async def script(_received: Received, write: Write) -> None:
        await write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for number, step in enumerate(steps):
            if number in gates:
                await gates[number].wait()
            await write(b"%x\r\n%s\r\n" % (len(step), step))
        await write(b"0\r\n\r\n")

    return script
