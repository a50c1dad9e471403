"""Policies of a real gateway: reloaded under load, signed, kept in their history, obliged to, watched in audit mode."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import ssl
import time
from collections.abc import Container
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from gateway.access.history import PolicyHistory
from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import ROOT, TENANTS, Gateway, GatewayFactory, fetch_weights, within

CHAT = "/v1/chat/completions"
ANSWER = {
    "id": "a",
    "object": "chat.completion",
    "created": 1,
    "model": "real-model",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}
BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}


def rule(effect: str = "allow", more: str = "", id: str = "r") -> str:
    return f"  - {{id: {id}, effect: {effect}, owner: owner@example.com, reason: tests{more and ', ' + more}}}\n"


def client_of(gateway: Gateway, key: str = "") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key or gateway.key}"}
    return httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20)


def operator_of(gateway: Gateway) -> httpx.AsyncClient:
    """A client of the admin API whose every request may meet another worker: none is sent on a connection that was
    used. TLS, which it does not need, would take 28 ms to load, and many are made while something is waited for."""
    unused, fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=gateway.url, headers=gateway.operator, verify=unused, limits=fresh, timeout=20)


async def versions(gateway: Gateway) -> dict[str, Any]:
    async with operator_of(gateway) as client:
        return (await client.get("/admin/status")).json()


def put(gateway: Gateway, name: str, text: str) -> None:
    """Replace a policy file in one step, as a deployment does."""
    path = gateway.folder / "policies" / name
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)


async def changes(gateway: Gateway, before: str, seconds: float = 10.0) -> str:
    """The version in force once it is another than `before`."""
    async with within(seconds):
        while (now := (await versions(gateway))["policy_versions"]["access"]) == before:
            await asyncio.sleep(0.02)
    return now


async def newest(operator: httpx.AsyncClient, known: Container[str]) -> str:
    """The version in force once some worker has one that is not known yet."""
    async with within(10):
        while (now := (await operator.get("/admin/status")).json()["policy_versions"]["access"]) in known:
            await asyncio.sleep(0.01)
    return now


async def test_a_hundred_reloads_under_load_drop_and_misjudge_nothing(make_gateway: GatewayFactory) -> None:
    """Rules that allow and rules that deny take turns, with bad files in between. Every answer must be what the version
    that its record names says, every call must have been answered, and no worker may lag by more than a second; where the
    cores are others', by more than three times what it took the first to have a version."""
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = make_gateway(
            upstream.base_url,
            policies={"access": "rules:\n" + rule(more="labels: {no: one}")},
            server={"workers": 2, "limits_per_worker": True},
        )
        await asyncio.to_thread(gateway.start)
        said: dict[str, bool] = {(await versions(gateway))["policy_versions"]["access"]: False}
        written: list[tuple[int, str]] = []
        lag_ns = 1_000_000_000
        stop, statuses = asyncio.Event(), list[int]()

        async def load(client: httpx.AsyncClient) -> None:
            while not stop.is_set():
                statuses.append((await client.post("/chat/completions", json=BODY)).status_code)
                await asyncio.sleep(0.01)  # what is tested is the reload: as fast as can be would starve it

        async with client_of(gateway) as client, operator_of(gateway) as operator:
            callers = [asyncio.create_task(load(client)) for _ in range(4)]
            version = next(iter(said))
            for number in range(100):
                allowed = number % 2 == 0
                if number % 10 == 5:
                    put(gateway, "access.yaml", "rules:\n  - {id: broken\n")
                    await asyncio.sleep(0.05)
                put(gateway, "access.yaml", "rules:\n" + rule("allow" if allowed else "deny", id=f"r{number}"))
                moment = time.time_ns()
                version = await newest(operator, said)
                said[version] = allowed
                written.append((moment, version))
                lag_ns = max(lag_ns, 3 * (time.time_ns() - moment))
            stop.set()
            await asyncio.gather(*callers)
        assert len(said) == 101
        assert set(statuses) == {200, 403}
        records = await asyncio.to_thread(gateway.records, len(statuses), 20)
        assert len(records) == len(statuses)
        wrong = [one["id"] for one in records if (one["outcome"] == "completed") != said[one["policy_version"]]]
        assert wrong == []
        order = list(said)
        for moment, version in written:
            late = [one for one in records if one["started_ns"] > moment + lag_ns]
            assert all(order.index(one["policy_version"]) >= order.index(version) for one in late)
        assert sum(one["outcome"] == "completed" for one in records) == statuses.count(200)
        assert len({one["policy_version"] for one in records}) > 50, "the load has met most versions"


async def test_every_activation_is_in_the_history_and_the_audit_log(make_gateway: GatewayFactory) -> None:
    gateway = await asyncio.to_thread(make_gateway().start)
    first = (await versions(gateway))["policy_versions"]["access"]
    put(gateway, "access.yaml", "rules: []\n")
    second = await changes(gateway, first)
    history = PolicyHistory(gateway.state / "policy_history")
    async with within(10):  # the parent looks at the files by itself, and must see these before they are wrong
        while len(history.entries()) < 2:
            await asyncio.sleep(0.02)
    put(gateway, "access.yaml", "rules: [nonsense\n")
    async with within(10):
        while (await versions(gateway))["policies"] != "stale":
            await asyncio.sleep(0.02)
    assert (await versions(gateway))["policy_versions"]["access"] == second, "the last good one stays"
    assert [entry.digest[:16] for entry in history.entries()] == [first, second]
    assert history.verify() == []
    assert history.files(history.entries()[1])["access.yaml"] == b"rules: []\n"
    async with operator_of(gateway) as client:
        lines = (await client.get("/admin/audit")).json()["data"]
    activated = [line for line in lines if line["action"] == "policy.activate"]
    assert [line["object"] for line in activated] == [first, second]
    assert activated[1]["details"]["hash"] == history.head
    with contextlib.closing(sqlite3.connect(gateway.state / "identity.db")) as db:
        with pytest.raises(sqlite3.IntegrityError, match="append"):
            db.execute("DELETE FROM audit")
    gateway.stop()
    put(gateway, "access.yaml", "rules: []\n")
    await asyncio.to_thread(gateway.start)
    assert len(history.entries()) == 2, "the same policies started again are no new activation"


async def test_signed_policies_take_force_only_as_they_were_signed(
    make_gateway: GatewayFactory, tmp_path: Path
) -> None:
    gateway = make_gateway(policy_signing={"public_keys": ["signer.pem.pub"]})
    folder, key = str(gateway.folder / "policies"), str(gateway.folder / "signer.pem")

    def run(*words: str) -> Any:
        return gateway.cli(*words, check=False, config=False)

    assert run("policy", "sign", "--new-key", key).returncode == 0
    unsigned = gateway.cli("check", check=False)
    assert (unsigned.returncode, "gateway policy sign" in unsigned.stdout) == (1, True)
    assert run("policy", "sign", "--key", key, "--policies", folder).returncode == 0
    assert gateway.cli("check").returncode == 0
    await asyncio.to_thread(gateway.start)
    before = (await versions(gateway))["policy_versions"]["access"]
    put(gateway, "tenants.yaml", TENANTS.replace("      - {id: team-b, name: B}\n", ""))
    async with within(10):
        while (await versions(gateway))["policies"] != "stale":
            await asyncio.sleep(0.02)
    status = await versions(gateway)
    assert status["policy_versions"]["access"] == before
    assert "tenants.yaml is not the file that was signed" in str(status["problems"])
    assert run("policy", "sign", "--key", key, "--policies", folder).returncode == 0
    await changes(gateway, before)
    draft = gateway.folder / "policies" / "prompts" / "greeting" / "draft.prompt"
    draft.parent.mkdir(parents=True)
    draft.write_text("---\nmodel: test-model\n---\nHello.")
    run("prompts", "publish", "greeting", "--policies", folder)
    move = ("prompts", "label", "greeting", "production", "1")
    refused = gateway.cli(*move, check=False)
    assert (refused.returncode, gateway.cli("check", check=False).returncode) == (1, 1)
    async with client_of(gateway) as client:
        asked = {"model": "prompt:greeting@1", "messages": []}
        assert (await client.post("/chat/completions", json=asked)).status_code == 404
        run("policy", "sign", "--key", key, "--policies", folder)
        assert gateway.cli("check").returncode == 0
        gateway.cli(*move)
        async with within(10):
            while (await client.post("/chat/completions", json=asked)).status_code == 404:
                await asyncio.sleep(0.05)


async def test_a_worker_that_dies_while_a_file_is_wrong_comes_back_with_what_was_good(
    make_gateway: GatewayFactory,
) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = await asyncio.to_thread(make_gateway(upstream.base_url).start)
        put(gateway, "access.yaml", "rules: [nonsense\n")
        (pid,) = gateway.worker_pids()
        os.kill(pid, signal.SIGKILL)
        async with client_of(gateway) as client, within(10):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.post("/chat/completions", json=BODY)).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        assert gateway.worker_pids() != [pid]
        assert (await versions(gateway))["policies"] == "stale"
        put(gateway, "access.yaml", "rules: []\n")
        async with client_of(gateway) as client, within(10):
            while (await client.post("/chat/completions", json=BODY)).status_code != 403:
                await asyncio.sleep(0.02)


OBLIGED = """
rules:
  - {id: capped, effect: allow, owner: o, reason: r, teams: [team-a], obligations: {max_output_tokens: 50, no_content: true}}
  - {id: watched, effect: deny, mode: audit, owner: o, reason: r, when: "request.max_output_tokens > 10"}
  - {id: no-search, effect: deny, owner: o, reason: r, when: "'web_search' in request.hosted_tools"}
"""


async def test_obligations_audit_and_classes_of_data_show_where_they_should(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = make_gateway(upstream.base_url, policies={"access": OBLIGED})
        await asyncio.to_thread(gateway.start)
        async with client_of(gateway) as client:
            sent: list[dict[str, Any]] = []
            for fields in (
                {},
                {"max_tokens": 20},
                {"max_tokens": 500},
                {"max_completion_tokens": 500, "max_tokens": 7},
            ):
                answer = await client.post("/chat/completions", json={**BODY, **fields})
                assert answer.status_code == 200, answer.text
                sent.append(json.loads(upstream.requests[-1].body))
            assert answer.headers["x-gateway-obligations"] == "max_output_tokens=50, no_content"
            limits = [
                {name: one[name] for name in ("max_tokens", "max_completion_tokens") if name in one} for one in sent
            ]
            assert limits == [
                {"max_tokens": 50},
                {"max_tokens": 20},
                {"max_tokens": 50},
                {"max_completion_tokens": 50, "max_tokens": 7},
            ]
            wrong = await client.post("/chat/completions", json={**BODY, "max_tokens": "500"})
            assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "max_tokens")
            search = await client.post("/chat/completions", json={**BODY, "web_search_options": {}})
            assert search.json()["error"]["gateway"]["rule_id"] == "no-search"
            odd = await client.post("/chat/completions", json=BODY, headers={"x-gateway-data-class": "sekret"})
            assert (odd.status_code, odd.json()["error"]["code"]) == (400, "unknown_data_class")
            raised = await client.post("/chat/completions", json=BODY, headers={"x-gateway-data-class": "restricted"})
            lowered = await client.post("/chat/completions", json=BODY, headers={"x-gateway-data-class": "public"})
            assert (raised.status_code, lowered.status_code) == (200, 200)
        records = await asyncio.to_thread(gateway.records, 9)
        assert [one["would_deny"] for one in records[:4]] == ["", "watched", "watched", "watched"]
        assert [one["data_class"] for one in records[-2:]] == ["restricted", "internal"], "a header only raises it"
        assert json.loads(records[1]["attributes"]) == {"max_output_tokens": 20}
        assert json.loads(records[5]["attributes"]) == {"tools": True, "hosted_tools": ["web_search"]}
        report = json.loads(gateway.cli("usage", "--by", "rule", "--json").stdout)
        assert sum(row["would_refuse"] for row in report) == 4, "a length in quotes is one, too"


LIFE = """
name: test-model
targets: [{target: mock/real-model}]
life:
  approved: {by: tests, on: 2020-01-01}
  deprecated: {on: 2026-01-01, successor: newer, sunset: 2099-01-01}
"""
NEWER = "name: newer\naliases: [nick/name]\ntargets: [{target: mock/newer}]\nlife: {approved: {by: tests, on: 2020-01-01}}\n"
DRAFT = "name: draft\ntargets: [{target: mock/draft}]\n"


async def test_cards_make_models_and_their_lives_are_told(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        cards = {"models/0": LIFE, "models/1": NEWER, "models/2": DRAFT}
        gateway = make_gateway(upstream.base_url, policies=cards, models={})
        await asyncio.to_thread(gateway.start)
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as client:
            listed = {model.id: model.model_dump() async for model in client.models.list()}
            assert set(listed) == {"test-model", "newer", "nick/name"}
            assert listed["test-model"]["gateway"]["status"] == "deprecated"
            assert listed["test-model"]["shutdown_date"] == "2099-01-01"
            answer = await client.chat.completions.with_raw_response.create(**BODY)
            assert answer.headers["deprecation"] == "@1767225600"
            assert answer.headers["sunset"] == "Thu, 01 Jan 2099 00:00:00 GMT"
            assert answer.headers["link"] == '</v1/models/newer>; rel="successor-version"'
            assert "use newer instead" in answer.headers["x-gateway-warning"]
            alias = await client.chat.completions.with_raw_response.create(**{**BODY, "model": "nick/name"})
            assert alias.headers["x-gateway-target"] == "mock/newer"
            assert "deprecation" not in alias.headers
            with pytest.raises(openai.PermissionDeniedError, match="not approved yet") as refused:
                await client.chat.completions.create(**{**BODY, "model": "draft"})
            assert refused.value.body["gateway"]["basis"] == "card"  # type: ignore[index]
            put(gateway, "models/0.yaml", LIFE + "  revoked: {on: 2026-01-02, reason: it leaks}\n")
            async with within(10):
                while "test-model" in [model.id async for model in client.models.list()]:
                    await asyncio.sleep(0.02)
            with pytest.raises(openai.PermissionDeniedError, match="it leaks"):
                await client.chat.completions.create(**BODY)
        assert len(upstream.requests) == 2, "nothing that was refused reached the upstream"


async def test_hidden_models_look_as_if_they_did_not_exist(make_gateway: GatewayFactory) -> None:
    hidden = "hide_models: true\nrules:\n" + rule(more="teams: [team-b]")
    gateway = await asyncio.to_thread(make_gateway(policies={"access": hidden, "models/9": DRAFT}).start)
    made = ["keys", "create", "--tenant", "acme", "--team", "team-b", "--owner", "o", "--json"]
    key = json.loads((await asyncio.to_thread(gateway.cli, *made)).stdout)["key"]
    async with client_of(gateway, key) as client, within(10):
        while (answer := await client.get("/models/test-modle")).status_code == 401:
            await asyncio.sleep(0.02)
        assert "did you mean `test-model`?" in answer.text, "whoever may use it is told its name"
        assert "did you mean" not in (await client.get("/models/draf")).text
    async with client_of(gateway) as client:
        said: set[str] = set()
        for name in ("test-model", "draft", "nonsense", "test-modle", "draf"):
            answer = await client.post("/chat/completions", json={**BODY, "model": name})
            assert answer.status_code == 404
            text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", answer.text)
            said.add(text.replace(name, "NAME"))
            one = await client.get(f"/models/{name}")
            assert one.status_code == 404
    assert len(said) == 1


async def test_an_engine_runs_only_while_a_card_vouches_for_its_weights(make_gateway: GatewayFactory) -> None:
    pytest.importorskip("xllamacpp")
    await asyncio.to_thread(fetch_weights)
    weights = next((ROOT / ".gateway" / "weights").glob("*.gguf"))
    good = (ROOT / "policies" / "models" / "smollm2.yaml").read_text()
    gateway = make_gateway(
        policies={"models/0": good}, models={},
        engines={"smollm2": {"runner": "llamacpp", "weights": {"path": str(weights)}, "context_tokens": 512}},
        providers={"local": {"kind": "llamacpp", "engine": "smollm2"}},
    )  # fmt: skip
    await asyncio.to_thread(gateway.start)

    async def becomes(state: str, message: str = "") -> None:
        async with within(30):
            while True:
                (engine,) = (await versions(gateway))["engines"]
                if engine["state"] == state and message in engine["message"]:
                    return
                await asyncio.sleep(0.05)

    await becomes("ready")
    put(
        gateway,
        "models/0.yaml",
        good.replace("  approved:", "  revoked: {on: 2026-01-02, reason: it leaks}\n  approved:"),
    )
    await becomes("waiting", "is revoked")
    digest = re.search(r"sha256: (\w{64})", good)
    assert digest is not None
    put(gateway, "models/0.yaml", good.replace(digest[1], "0" * 64))
    await becomes("waiting", "not among the files of the card")
    put(gateway, "models/0.yaml", good)
    await becomes("ready")
