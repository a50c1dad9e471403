"""Starting, draining, crashing and reloading a real gateway process."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer
from tests.conftest import ACCESS, ROOT, Gateway, GatewayFactory, within

CHAT = "/v1/chat/completions"
ANSWER = {
    "id": "a",
    "choices": [{"finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}
BODY = {"model": "test-model", "messages": []}


def delta(text: str) -> bytes:
    return event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]})


def slow_stream(events: int, pause: float) -> list[bytes | float]:
    steps: list[bytes | float] = [step for _ in range(events) for step in (delta("x"), pause)]
    return [*steps, event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": events}}), DONE]


def client_of(gateway: Gateway) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20)


async def test_sigterm_lets_streams_finish_and_loses_nothing(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: event_stream(*slow_stream(30, 0.1))}) as upstream:
        gateway = make_gateway(upstream.base_url, server={"grace_s": 30, "drain_delay_s": 1.5})
        await asyncio.to_thread(gateway.start)
        async with client_of(gateway) as client:
            calls = [
                asyncio.create_task(client.post("/chat/completions", json={**BODY, "stream": True})) for _ in range(5)
            ]
            async with within(20):
                while len(upstream.requests) < 5:
                    await asyncio.sleep(0.01)
            ready = await client.get(f"{gateway.url}/health/ready")
            assert (ready.status_code, ready.json()["draining"]) == (200, False)
            assert gateway.process is not None
            gateway.process.send_signal(signal.SIGTERM)
            while (ready := await client.get(f"{gateway.url}/health/ready")).status_code == 200:
                await asyncio.sleep(0.02)
            assert (ready.status_code, ready.json()["draining"]) == (503, True)
            answers = await asyncio.gather(*calls)
        assert all(answer.content.endswith(DONE) for answer in answers)
        assert await asyncio.to_thread(gateway.process.wait, 40) == 0
        assert [record["outcome"] for record in gateway.records(5)] == ["completed"] * 5
        assert list((gateway.state / "journal").glob("*.jnl")) == []


async def test_calls_that_outlast_the_grace_end_with_an_error_event(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: event_stream(*slow_stream(1000, 0.1))}) as upstream:
        gateway = make_gateway(upstream.base_url, server={"grace_s": 0.5})
        await asyncio.to_thread(gateway.start)
        async with client_of(gateway) as client:
            async with client.stream("POST", "/chat/completions", json={**BODY, "stream": True}) as answer:
                pieces = answer.aiter_bytes()
                await anext(pieces)
                began = time.monotonic()
                stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
                assert b'"shutting_down"' in b"".join([piece async for piece in pieces])
            assert await stopping == 0
            assert time.monotonic() - began < 15, "the stream would have gone on for 100 s"
        (record,) = gateway.records(1)
        assert (record["outcome"], record["error_code"], record["usage_source"]) == (
            "failed",
            "shutting_down",
            "estimate",
        )


async def test_kill_9_at_random_moments_records_every_answer_exactly_once(make_gateway: GatewayFactory) -> None:
    seen: list[str] = []
    die = random.Random(7)
    script = event_stream(*slow_stream(3, 0.002))
    async with ScriptedUpstream({CHAT: script, "/v1/embeddings": json_answer(ANSWER)}) as upstream:
        gateway = make_gateway(upstream.base_url)
        for _ in range(4):
            await asyncio.to_thread(gateway.start)
            load = [
                asyncio.create_task(call_until_broken(gateway, seen, stream=bool(number % 2))) for number in range(8)
            ]
            enough = len(seen) + 15  # whatever else the machine is doing
            await asyncio.sleep(0.3 + die.random() * 0.5)
            async with within(20):
                while len(seen) < enough:
                    await asyncio.sleep(0.01)
            gateway.kill()
            await asyncio.gather(*load)
        await asyncio.to_thread(gateway.start)
        assert len(seen) > 50
        deadline = time.monotonic() + 20
        while True:  # calls that were cut are rows as well: as many as were seen may not be all
            rows = gateway.records(len(seen))
            completed = {row["id"] for row in rows if row["outcome"] == "completed"}
            if set(seen) <= completed:
                break
            assert time.monotonic() < deadline, "an answer that a client saw complete is missing"
            await asyncio.sleep(0.1)
        ids = [row["id"] for row in rows]
        assert len(ids) == len(set(ids))
        lost = {row["outcome"] for row in rows} - {"completed", "interrupted", "cancelled", "failed"}
        assert lost == set()


async def call_until_broken(gateway: Gateway, seen: list[str], *, stream: bool) -> None:
    async with client_of(gateway) as client:
        while True:
            try:
                path = "/chat/completions" if stream else "/embeddings"
                answer = await client.post(path, json={**BODY, "stream": stream} if stream else BODY)
            except httpx.HTTPError:
                return
            if answer.status_code == 200 and (not stream or answer.content.endswith(DONE)):
                seen.append(answer.headers["x-request-id"])


async def test_a_worker_that_dies_is_replaced_and_its_open_calls_are_closed(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: event_stream(*slow_stream(1000, 0.05))}) as upstream:
        gateway = make_gateway(upstream.base_url)
        await asyncio.to_thread(gateway.start)
        (pid,) = gateway.worker_pids()
        async with client_of(gateway) as client:
            call = asyncio.create_task(client.post("/chat/completions", json={**BODY, "stream": True}))
            async with within(20):
                while not upstream.requests:
                    await asyncio.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(httpx.HTTPError):
                await call
        (record,) = await asyncio.to_thread(gateway.records, 1)
        assert (record["outcome"], record["model"], record["cost_nano"]) == ("interrupted", "test-model", None)
        await asyncio.to_thread(gateway.wait_ready)
        async with within(20):
            while gateway.worker_pids() in ([], [pid]):
                await asyncio.sleep(0.05)


async def test_workers_do_not_outlive_a_killed_parent(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    await asyncio.to_thread(gateway.start)
    workers = gateway.worker_pids()
    assert gateway.process is not None
    gateway.process.kill()
    gateway.process.wait()
    async with within(20):
        while any(Path(f"/proc/{pid}").exists() and "Z" not in state(pid) for pid in workers):
            await asyncio.sleep(0.05)


async def test_a_killed_parents_port_is_free_at_once_and_its_calls_under_way_finish(
    make_gateway: GatewayFactory,
) -> None:
    async with ScriptedUpstream({CHAT: event_stream(*slow_stream(240, 0.05))}) as upstream:
        gateway = make_gateway(upstream.base_url, server={"grace_s": 30})
        await asyncio.to_thread(gateway.start)
        async with client_of(gateway) as client:
            call = asyncio.create_task(client.post("/chat/completions", json={**BODY, "stream": True}))
            async with within(20):
                while not upstream.requests:
                    await asyncio.sleep(0.01)
            assert gateway.process is not None
            gateway.process.kill()
            gateway.process.wait()
            await asyncio.to_thread(gateway.start)
            assert not call.done(), "the old worker still answers"
            answer = await call
        assert answer.content.endswith(DONE)
        (record,) = await asyncio.to_thread(gateway.records, 1)
        assert (record["outcome"], record["id"]) == ("completed", answer.headers["x-request-id"])
        told = "this worker leaves the port and ends; 1 call is under way and may finish within 30 s"
        assert gateway.log().count(told) == 1


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


async def test_a_bad_policy_leaves_the_last_good_one_in_force(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = make_gateway(upstream.base_url)
        await asyncio.to_thread(gateway.start)
        access = gateway.folder / "policies" / "access.yaml"
        async with client_of(gateway) as client:

            async def call_status() -> int:
                return (await client.post("/chat/completions", json=BODY)).status_code

            async def policies() -> str:
                return (await client.get(f"{gateway.url}/health/ready")).json()["policies"]

            async def problem() -> str:
                status = await client.get(f"{gateway.url}/admin/status", headers=gateway.operator)
                (said,) = status.json()["problems"]
                return said

            assert await call_status() == 200
            access.write_text(ACCESS.replace("teams:", "temas:"))
            async with within(10):
                while await policies() == "ok":
                    await asyncio.sleep(0.02)
                assert await policies() == "stale"
                while "access.yaml:7" not in (said := await problem()):  # it may have been read while it was written
                    await asyncio.sleep(0.02)
            assert "`temas`" in said
            assert "`teams`" in said
            assert await call_status() == 200
            access.write_text(ACCESS.replace("effect: allow", "effect: deny"))
            async with within(10):
                while await call_status() != 403:
                    await asyncio.sleep(0.02)
            assert await policies() == "ok"


async def test_removing_a_team_ends_its_keys(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = make_gateway(upstream.base_url)
        await asyncio.to_thread(gateway.start)
        folder = gateway.folder / "policies"
        async with client_of(gateway) as client:
            assert (await client.post("/chat/completions", json=BODY)).status_code == 200
            (folder / "access.yaml").write_text("rules: []\n")
            (folder / "tenants.yaml").write_text("tenants: [{id: acme, teams: [{id: team-b}]}]\n")
            async with within(10):
                while (await client.post("/chat/completions", json=BODY)).status_code != 401:
                    await asyncio.sleep(0.02)


def test_a_second_gateway_on_the_same_state_is_refused(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway().start()
    second = gateway.cli("serve", check=False)
    assert second.returncode == 1
    assert "another gateway is running" in second.stderr


def test_a_taken_port_is_said_in_one_line(make_gateway: GatewayFactory) -> None:
    first, second = make_gateway().start(), make_gateway()
    second.config_file.write_text(json.dumps({"server": {"port": first.port}}))
    done = second.cli("serve", check=False)
    assert done.returncode == 1
    assert "cannot listen on" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_workers_need_a_word_of_consent(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway(server={"workers": 2})
    done = gateway.cli("check", check=False)
    assert done.returncode == 1
    assert "limits_per_worker" in done.stdout


async def test_two_workers_share_the_port_the_keys_and_the_ledger(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = make_gateway(upstream.base_url, server={"workers": 2, "limits_per_worker": True})
        await asyncio.to_thread(gateway.start)
        async with within(20):
            while len(gateway.worker_pids()) < 2:
                await asyncio.sleep(0.05)
        for _ in range(30):
            async with client_of(gateway) as client:
                assert (await client.post("/chat/completions", json=BODY)).status_code == 200
        assert len(await asyncio.to_thread(gateway.records, 30)) == 30
        async with within(20):
            while await gateway.metrics("gateway_requests_total{") != 30:
                await asyncio.sleep(0.1)


def test_importing_the_package_starts_and_reads_nothing() -> None:
    code = (
        "import gateway, sys; print(sorted(m for m in sys.modules if m.startswith(('yaml', 'granian', 'prometheus'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "broken",
    [
        "limits: [{id: a, requests_per_minute: 0}]\n",
        "limits: [{id: a, requests_per_minute: " + "9" * 5_000 + "}]\n",
        "limits: [{id: a, requests_per_minute: 5, match: {teams: [team-a]}}]\n",
    ],
    ids=["not a limit", "a number too long to read", "names the removed team"],
)
async def test_a_removed_team_is_gone_whatever_is_wrong_elsewhere(make_gateway: GatewayFactory, broken: str) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = await asyncio.to_thread(make_gateway(upstream.base_url).start)
        headers = {"authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
            assert (await client.post("/chat/completions", json={"model": "test-model"})).status_code == 200
            (gateway.folder / "policies" / "limits.yaml").write_text(broken)
            without = "tenants: [{id: acme, teams: [{id: team-b}]}]\n"
            (gateway.folder / "policies" / "tenants.yaml").write_text(without)
            async with within(10):
                while (await client.post("/chat/completions", json={"model": "test-model"})).status_code != 401:
                    await asyncio.sleep(0.05)


def test_a_rule_about_an_operation_that_is_none_is_refused(make_gateway: GatewayFactory) -> None:
    """Were it a deny, it would deny nothing, and nobody would notice."""
    rule = "rules: [{id: no-pictures, effect: deny, owner: o, reason: r, operations: [image]}]\n"
    gateway = make_gateway(policies={"access": rule})
    said = gateway.cli("check", check=False)
    assert said.returncode == 1
    assert "access.yaml:1: the operation `image` is not known here; did you mean `images`?" in said.stdout + said.stderr
