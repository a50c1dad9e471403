"""No route answers without a credential; every route that costs something moves the ledger and the limits; keys live
and die within a second."""

import asyncio
import contextlib
import time
from typing import Any

import httpx
import pytest

from gateway.edge.operations import OPERATIONS
from gateway.testing import DONE, body_answer, event, event_stream, json_answer
from tests.conftest import GatewayFactory, Site, within
from tests.patience import stood_in_line_s

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
ANSWER = {
    "choices": [{"finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}
CHUNK = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}], "usage": ANSWER["usage"]}
ADMIN = (
    ("GET", "/admin/openapi.json"), ("GET", "/admin/keys"), ("POST", "/admin/keys"), ("GET", "/admin/keys/x"),
    ("POST", "/admin/keys/x/rotate"), ("POST", "/admin/keys/x/revoke"), ("GET", "/admin/tenants"), ("GET", "/admin/models"),
    ("GET", "/admin/usage"), ("GET", "/admin/calls"), ("GET", "/admin/calls/x"), ("GET", "/admin/limits"), ("GET", "/admin/audit"),
    ("POST", "/admin/policy/explain"), ("POST", "/admin/access/explain"), ("GET", "/admin/status"),
    ("GET", "/admin/policy/history"), ("GET", "/admin/policy/at"),
    ("GET", "/admin/"), ("GET", "/admin/nothing"), ("DELETE", "/admin/keys"),
)  # fmt: skip


def place_of(operation: Any) -> str:
    return operation.path.replace("{model}", "test-model")


EVERYTHING = [
    *(("POST", f"/v1/{place_of(operation)}") for operation in OPERATIONS),
    *(("GET", f"/v1/{place_of(operation)}") for operation in OPERATIONS),
    ("POST", "/v1beta/models/test-model:generateContent"),
    ("GET", "/v1beta/models"),
    ("GET", "/v1beta/nothing"),
    *((method, "/v1/responses/resp_1") for method in ("GET", "DELETE")),
    ("GET", "/v1/responses/resp_1/input_items"),
    *[
        ("GET", "/v1/models"),
        ("GET", "/v1/models/test-model"),
        ("GET", "/v1"),
        ("GET", "/v1/nothing"),
        ("OPTIONS", CHAT),
    ],
    *[("GET", "/v1/organization/usage/completions"), ("GET", "/v1/organization/costs")],
    *[("GET", "/metrics"), *ADMIN],
]
BAD_CREDENTIALS: dict[str, dict[str, str]] = {
    "none": {},
    "empty": {"authorization": ""},
    "not bearer": {"authorization": "Basic Zm9vOmJhcg=="},
    "malformed": {"authorization": "Bearer gw-short"},
    "unknown": {"authorization": "Bearer gw-" + "A" * 43},
    "huge": {"authorization": "Bearer " + "x" * 20_000},
    "x-api-key": {"x-api-key": "gw-" + "B" * 43},
}


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
async def test_nothing_answers_without_a_credential(fresh: Site, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=fresh.gateway.url, timeout=20) as nobody:
        for headers in BAD_CREDENTIALS.values():
            answer = await nobody.request(
                method, path, headers=headers, json={"model": "test-model"} if method == "POST" else None
            )
            assert answer.status_code in (401, 404 if path == "/v1" else 401), (headers, answer.text)
    assert fresh.upstream.requests == []


async def test_bad_credentials_are_answered_alike(fresh: Site) -> None:
    said: set[tuple[Any, ...]] = set()
    async with httpx.AsyncClient(base_url=fresh.gateway.url, timeout=20) as nobody:
        for name in ("malformed", "unknown", "x-api-key", "huge"):
            error = (await nobody.post(CHAT, headers=BAD_CREDENTIALS[name], json={})).json()["error"]
            said.add((error["message"], error["type"], error["code"]))
    assert len(said) == 1


async def test_credentials_open_only_their_own_doors(fresh: Site) -> None:
    admin, metrics = ((fresh.gateway.state / name).read_text().strip() for name in ("admin.key", "metrics.key"))
    async with httpx.AsyncClient(base_url=fresh.gateway.url, timeout=20) as client:

        async def status(path: str, key: str) -> int:
            return (await client.get(path, headers={"authorization": f"Bearer {key}"})).status_code

        assert await status("/admin/status", admin) == 200
        assert await status("/metrics", metrics) == 200
        assert await status("/metrics", admin) == 200
        assert await status("/admin/status", metrics) == 401
        assert await status("/v1/models", admin) == 401
        for path in ("/admin/status", "/metrics"):
            assert await status(path, fresh.gateway.key) == 401


async def test_health_is_open_and_says_nothing_secret(fresh: Site) -> None:
    async with httpx.AsyncClient(base_url=fresh.gateway.url, timeout=20) as nobody:
        assert (await nobody.get("/health/live")).json() == {"status": "live"}
        ready = await nobody.get("/health/ready")
    assert ready.status_code == 200
    assert not any(word in ready.text for word in ("acme", "team-a", "sk-up", fresh.gateway.key))


def script_for(site: Site, operation: Any) -> None:
    """Let the upstream answer a call of this operation."""
    place = operation.path
    if operation.dialect != "openai":  # the upstream speaks nothing else
        place = "embeddings" if operation.name == "embeddings" else "chat/completions"
    if operation.answers == "binary":
        site.upstream.set(f"/v1/{place}", body_answer(b"sound", "audio/mpeg"))
    else:
        site.upstream.set(f"/v1/{place}", json_answer({**ANSWER, "data": [{"embedding": [0.5]}]}))
    if operation.streams and operation.dialect == "gemini":
        site.upstream.set(f"/v1/{place}", event_stream(event(CHUNK), DONE))


async def ask_of(site: Site, operation: Any) -> httpx.Response:
    """The smallest call of this operation."""
    asked: dict[str, Any] = {
        "openai": {"model": "test-model", "input": "x"},
        "anthropic": {"model": "test-model", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
        "gemini": {"contents": [{"parts": [{"text": "x"}]}]},
    }[operation.dialect]
    if operation.name == "embeddings" and operation.dialect == "gemini":
        one = {"content": {"parts": [{"text": "x"}]}}
        asked = {"requests": [one]} if "batch" in operation.path else one
    if operation.multipart:
        return await site.client.post(f"/{operation.path}", data={"model": "test-model"}, files={"file": b"x"})
    return await site.client.post(f"/{place_of(operation)}", json=asked)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
async def test_every_billable_route_moves_the_ledger_and_the_limits(fresh: Site, operation: Any) -> None:
    script_for(fresh, operation)
    answer = await ask_of(fresh, operation)
    assert answer.status_code == 200
    record = await fresh.last_record()
    assert (record["operation"], record["outcome"], record["usage_source"]) == (operation.name, "completed", "provider")
    names = ("x-ratelimit-remaining-requests", "x-ratelimit-limit-requests")
    if operation.dialect == "anthropic":
        names = ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-limit")
    remaining, limit = (int(answer.headers[name]) for name in names)
    assert remaining < limit


async def test_a_team_without_a_rule_is_refused_with_the_reason(fresh: Site) -> None:
    key = await asyncio.to_thread(fresh.gateway.create_key, "team-b")
    headers = {"authorization": f"Bearer {key}"}
    async with within(20):
        while (
            answer := await fresh.client.post("/chat/completions", headers=headers, json={"model": "test-model"})
        ).status_code == 401:
            await asyncio.sleep(0.05)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (403, "model_not_allowed", "permission_error")
    assert "team-b" in error["message"]
    assert "team-a" not in answer.text, "other teams' rules stay theirs"
    assert (await fresh.client.get("/models", headers=headers)).json()["data"] == []
    assert fresh.upstream.requests == []


async def test_a_key_works_within_a_second_and_a_revoked_one_stops_within_one(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    admin = fresh.gateway.operator
    request = {"tenant": "acme", "team": "team-a", "owner": "tests"}
    async with httpx.AsyncClient(base_url=fresh.gateway.url, timeout=20) as client:
        made = (await client.post("/admin/keys", json=request, headers=admin)).json()

        async def works(key: str) -> bool:
            body = {"model": "test-model", "messages": []}
            return (await client.post(CHAT, headers={"authorization": f"Bearer {key}"}, json=body)).status_code == 200

        async def changes_within_a_second(key: str, *, works_then: bool) -> None:
            workers = fresh.gateway.worker_pids()
            began, waited_s = time.monotonic(), stood_in_line_s(workers)
            while await works(key) != works_then:
                assert time.monotonic() - began - (stood_in_line_s(workers) - waited_s) < 1.0
                await asyncio.sleep(0.01)

        await changes_within_a_second(made["key"], works_then=True)
        rotated = (
            await client.post(f"/admin/keys/{made['info']['id']}/rotate", json={"overlap_s": 60}, headers=admin)
        ).json()
        await changes_within_a_second(rotated["key"], works_then=True)
        assert await works(made["key"]), "the old key overlaps"
        await client.post(f"/admin/keys/{made['info']['id']}/revoke", headers=admin)
        await changes_within_a_second(made["key"], works_then=False)
        assert await works(rotated["key"])
        listed = (await client.get("/admin/keys", headers=admin)).json()["data"]
        assert all(made["key"] not in str(one) for one in listed)
        actions = [line["action"] for line in (await client.get("/admin/audit", headers=admin)).json()["data"]]
        assert actions[-3:] == ["key.create", "key.rotate", "key.revoke"]


async def test_no_key_stands_in_clear_anywhere_on_disk(fresh: Site) -> None:
    looked_at = 0
    for path in fresh.gateway.state.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # what is drained goes, and what is written has another name first
            if path.is_file():
                looked_at += 1
                assert fresh.gateway.key.encode() not in path.read_bytes(), path
    assert looked_at > 3
    assert fresh.gateway.key not in fresh.gateway.log()


LIMITS = """
limits:
  - {id: three-a-minute, per: [key], requests_per_minute: 3}
  - {id: one-at-a-time, per: [team], concurrent_requests: 1}
  - {id: tokens, per: [tenant], tokens_per_minute: 3000}
default_output_tokens: 500
"""


@pytest.mark.parametrize("asked", [
    {"operation": "image"}, {"team": "quikstart"}, {"tenant": "nobody"},
])  # fmt: skip
async def test_an_explanation_is_not_given_for_words_that_mean_nothing(fresh: Site, asked: dict[str, str]) -> None:
    admin = fresh.gateway.operator
    body = {"tenant": "acme", "team": "team-a", "model": "test-model"}
    async with httpx.AsyncClient(base_url=fresh.gateway.url, headers=admin, timeout=20) as client:
        told = [await client.post(f"/admin/{word}/explain", json=body) for word in ("policy", "access")]
        assert [one.json()["decision"]["allowed"] for one in told] == [True, True]
        refused = await client.post("/admin/policy/explain", json={**body, **asked})
    assert refused.status_code == 400
    assert next(iter(asked.values())) in refused.text


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "\u202eleft", "x" * 300])
async def test_a_models_name_that_would_garble_a_terminal_is_refused(fresh: Site, name: str) -> None:
    answer = await fresh.chat(model=name)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")


async def test_limits_refuse_with_everything_a_client_needs(make_gateway: GatewayFactory, fresh: Site) -> None:
    gateway = await asyncio.to_thread(make_gateway(fresh.upstream.base_url, policies={"limits": LIMITS}).start)
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    headers = {"authorization": f"Bearer {gateway.key}"}
    async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
        big = await client.post("/chat/completions", json={"model": "test-model", "max_tokens": 4000})
        error = big.json()["error"]
        assert (big.status_code, error["code"], error["gateway"]["limit"]) == (403, "request_exceeds_limit", "tokens")
        assert big.headers["x-should-retry"] == "false", "waiting would not help"
        for left in (2, 1, 0):
            answer = await client.post("/chat/completions", json={"model": "test-model"})
            assert answer.status_code == 200
            assert answer.headers["x-ratelimit-remaining-requests"] == str(left)
            assert answer.headers["x-ratelimit-limit-tokens"] == "3000"
        refused = await client.post("/chat/completions", json={"model": "test-model"})
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert {name: error["gateway"][name] for name in ("limit", "dimension", "maximum", "current")} == {
        "limit": "three-a-minute", "dimension": "requests_per_minute", "maximum": 3, "current": 3,
    }  # fmt: skip
    records = await asyncio.to_thread(gateway.records, 5)
    assert [record["outcome"] for record in records].count("refused") == 2
    assert sum(record["cost_nano"] or 0 for record in records) == 3 * (7 * 1000 + 2 * 2000)


async def test_a_hold_is_released_however_a_call_ends(make_gateway: GatewayFactory, fresh: Site) -> None:
    limits = "limits: [{id: one, per: [key], concurrent_requests: 1}]\n"
    gateway = await asyncio.to_thread(make_gateway(fresh.upstream.base_url, policies={"limits": limits}).start)
    async with httpx.AsyncClient(
        base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
    ) as client:
        for script in (
            json_answer(ANSWER),
            json_answer({"error": {}}, 500),
            body_answer(b"not json"),
            json_answer(ANSWER),
        ):
            fresh.upstream.set(CHAT, script)
            assert (await client.post("/chat/completions", json={"model": "test-model"})).status_code != 429
        assert (await client.post("/chat/completions", content=b"{")).status_code == 400
        assert (await client.post("/chat/completions", json={"model": "test-model"})).status_code == 200
