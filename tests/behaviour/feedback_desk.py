"""What the tests of feedback share: a gateway before a scripted upstream, and three teams of two tenants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import Gateway, gateways

TENANTS = """
tenants:
  - {id: acme, name: Acme, feedback_texts: true, teams: [{id: team-a, name: A}, {id: team-b, name: B}]}
  - {id: other, name: Other, teams: [{id: theirs, name: Theirs}]}
"""
ACCESS = """
rules:
  - {id: all, effect: allow, owner: tests, reason: tests, models: ["*"]}
  - {id: nothing-kept, effect: allow, owner: tests, reason: tests, models: [secret], obligations: {no_content: true}}
"""
CACHE = "rules: [{id: answers, match: {models: [cached]}, shared: tenant, ttl_s: 600}]\n"
CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
MESSAGES: Any = [{"role": "user", "content": "hello"}]
METRICS = {"stars": {"kind": "score", "min": 1, "max": 5}}


def answered(name: str) -> Any:
    message = {"role": "assistant", "content": "hi"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return json_answer(
        {"id": name, "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": USAGE}
    )


class Desk:
    """A gateway before a scripted upstream, and clients of three teams of two tenants."""

    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream, keys: dict[str, str]) -> None:
        self.gateway, self.upstream = gateway, upstream
        self.keys = keys
        self.ours, self.neighbours, self.theirs = map(self.client, keys.values())

    def client(self, key: str, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.gateway.base_url, headers={"authorization": f"Bearer {key}", **headers}, timeout=20
        )

    async def chat(
        self, name: str, who: httpx.AsyncClient | None = None, model: str = "chat", **fields: Any
    ) -> httpx.Response:
        self.upstream.set(CHAT, answered(name))
        body = {"model": model, "messages": MESSAGES, **fields}
        answer = await (who or self.ours).post("/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        return answer

    async def say(
        self, who: httpx.AsyncClient | None = None, headers: dict[str, str] | None = None, **said: Any
    ) -> httpx.Response:
        return await (who or self.ours).post("/feedback", json=said, headers=headers)

    async def admin(self, path: str, **params: str) -> Any:
        async with httpx.AsyncClient(
            base_url=f"{self.gateway.url}/admin/", headers=self.gateway.operator, timeout=20
        ) as client:
            answer = await client.get(path, params=params)
            assert answer.status_code == 200, answer.text
            return answer.json()

    async def kept(self, call: str, count: int = 1) -> list[dict[str, Any]]:
        """What the ledger holds about a call; waits for so much of it."""
        async with asyncio.timeout(30):
            while True:
                rows = self.gateway.ask_ledger("SELECT * FROM feedback WHERE call = ? ORDER BY at_ns", call)
                if len(rows) >= count and self.gateway.ask_ledger("SELECT 1 FROM calls WHERE id = ?", call):
                    return rows
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def feedback_desk(folder: Path) -> AsyncIterator[Desk]:
    async with ScriptedUpstream({}) as upstream:
        with gateways(folder) as make:
            kind = {"kind": "openai-compatible", "base_url": upstream.base_url, "api_key": "k", "protocols": ["chat"]}
            gateway = make(
                providers={"mock": kind},
                models={name: {"targets": [f"mock/{name}"]} for name in ("chat", "cached", "secret")},
                policies={"tenants": TENANTS, "access": ACCESS, "cache": CACHE},
                feedback={"metrics": METRICS},
            )
            keys = {"team-a": gateway.create_key(), "team-b": gateway.create_key("team-b")}
            said = gateway.cli("keys", "create", "--tenant", "other", "--team", "theirs", "--owner", "o")
            keys["theirs"] = said.stdout.split()[0]
            gateway.key = keys["team-a"]
            await asyncio.to_thread(gateway.start)
            desk = Desk(gateway, upstream, keys)
            yield desk
            for client in (desk.ours, desk.neighbours, desk.theirs):
                await client.aclose()
