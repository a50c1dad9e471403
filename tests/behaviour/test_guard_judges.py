"""Guards that ask others: before the model is asked, after it has answered, and when nobody says anything."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer, raw, status
from tests.behaviour.test_guardrails import CHAT, END, MAIL, answer, chunk, said
from tests.conftest import Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")
pytest.importorskip("re2")

GUARDRAILS = """
guards:
  - {id: pii, on: [input], detect: [{personal_data: {entities: [email]}}], action: redact, match: {routes: [hook]}}
  - {id: hook, on: [input], ask: {service: own, timeout_ms: 20000}, action: block, match: {routes: [hook]}}
  - {id: silent, on: [input], ask: {service: own, timeout_ms: 300}, action: block, match: {routes: [silent]}}
  - {id: lenient, on: [input], ask: {service: own, timeout_ms: 300, on_failure: open}, action: block, match: {routes: [lenient]}}
  - {id: after, on: [output], ask: {service: moderation, timeout_ms: 20000}, action: block, match: {routes: [after]}}
  - {id: held, on: [output], ask: {service: moderation, timeout_ms: 20000}, action: block, hold: true, match: {routes: [held]}}
  - {id: gone, on: [input, output], ask: {service: gone, timeout_ms: 300}, action: block, match: {routes: [gone]}}
  - {id: broken, on: [input], ask: {service: broken, timeout_ms: 300}, action: block, match: {routes: [broken]}}
  - {id: unheld, on: [output], ask: {service: broken-after, timeout_ms: 300}, action: block, match: {routes: [unheld]}}
  - {id: llama, on: [input], ask: {model: judge/llama-guard, timeout_ms: 20000}, action: block, match: {routes: [classified, twice]}}
  - {id: second-look, on: [input, output], ask: {model: judge/llama-guard, timeout_ms: 20000}, action: block, match: {routes: [twice]}}
"""
ROUTES = ("hook", "silent", "lenient", "after", "held", "classified", "twice", "gone", "broken", "unheld")
OWN, MODERATION, JUDGE = "/v1/own", "/v1/moderations", "/judge/chat/completions"
FINE, FOUND = json_answer({"findings": []}), json_answer({"findings": [{"kind": "jailbreak", "score": 0.9}]})
CALM = json_answer({"results": [{"flagged": False, "categories": {}}]})
FLAGGED = json_answer({"results": [{"flagged": True, "categories": {"violence": True}}]})
STREAM = event_stream(event(chunk("All is ")), event(chunk("well.")), END, DONE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({CHAT: json_answer(answer("yes"))}) as upstream:
        with gateways(tmp_path_factory.mktemp("judges")) as make:
            kind = {"kind": "openai-compatible", "api_key": "k", "protocols": ["chat"]}
            base = upstream.base_url
            providers = {
                "mock": {**kind, "base_url": base},
                "judge": {**kind, "base_url": base.replace("/v1", "/judge")},
            }
            services = {name: {"url": f"{base}/{name}"} for name in ("own", "broken", "broken-after")}
            services |= {
                "moderation": {"url": base + "/moderations", "format": "openai"},
                "gone": {"url": "http://127.0.0.1:1/"},
            }
            models = {name: {"targets": [f"mock/{name}"]} for name in ROUTES}
            gateway = make(providers=providers, models=models, guard_services=services, policies={"guardrails": GUARDRAILS})  # fmt: skip
            await asyncio.to_thread(gateway.start)
            async with httpx.AsyncClient(
                base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
            ) as client:
                yield Site(gateway, upstream, client)


async def test_a_service_is_asked_before_the_model_and_sees_no_more_than_it(fresh: Site) -> None:
    fresh.upstream.set(OWN, FINE, FOUND)
    got = await fresh.chat(model="hook", **said(f"ask {MAIL}"))
    assert got.status_code == 200
    asked, model = fresh.upstream.requests
    assert asked.json() == {"guard": "hook", "side": "input", "texts": ["ask <EMAIL_1>"]}
    assert model.path == CHAT
    got = await fresh.chat(model="hook")
    assert (got.status_code, got.json()["error"]["gateway"]["kind"]) == (400, "jailbreak")
    assert len(fresh.upstream.requests) == 3, "the model is not asked"


async def test_a_judge_that_says_nothing_closes_or_opens_as_its_guard_says(fresh: Site) -> None:
    fresh.upstream.set(OWN, raw(20.0))
    got = await fresh.chat(model="silent")
    assert (got.status_code, got.json()["error"]["code"]) == (503, "guard_unavailable")
    assert got.headers["retry-after"] == "5"
    assert [one.path for one in fresh.upstream.requests] == [OWN]
    got = await fresh.chat(model="lenient")
    assert (got.status_code, got.headers["x-gateway-guard"]) == (200, "lenient;side=input;action=annotate;count=1")
    (found,) = json.loads((await fresh.new_records(2))[-1]["guards"])
    assert (found["kind"], found["action"]) == ("unavailable", "annotate")
    assert await fresh.gateway.metrics("gateway_guard_failures_total") == 2
    assert await logged(fresh, "guard `silent` cannot look: `own` did not answer within 300 ms")


async def test_no_call_passes_a_judge_that_is_away_or_does_not_answer_its_question(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("yes")))
    assert (await fresh.chat(model="gone")).json()["error"]["code"] == "guard_unavailable"
    cut, endless = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), raw(b"HTTP/1.1 200 OK\r\n\r\n{", 5.0)
    fresh.upstream.set("/v1/broken", status(200), cut, endless, json_answer({"findings": ["bad"]}))
    fresh.upstream.set("/v1/broken-after", status(200), cut, endless, json_answer({"findings": ["bad"]}))
    for route in ("broken", "unheld"):
        for _ in range(4):
            got = await fresh.chat(model=route)
            assert (got.status_code, got.json()["error"]["code"]) == (503, "guard_unavailable")
            assert "yes" not in got.text
    assert [one.path for one in fresh.upstream.requests].count(CHAT) == 4, "only where the answer was to be judged"


async def test_a_whole_answer_is_judged_before_it_goes_out(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("yes")))
    fresh.upstream.set(MODERATION, CALM, FLAGGED)
    assert (await fresh.chat(model="after")).json() == answer("yes")
    assert fresh.upstream.requests[-1].json() == {"input": ["yes"]}
    got = await fresh.chat(model="after")
    assert (got.status_code, got.json()["error"]["gateway"]["kind"]) == (400, "violence")
    assert (await fresh.new_records(2))[-1]["output_tokens"] == 3


async def test_a_stream_is_judged_at_its_end_or_held_back_until_then(fresh: Site) -> None:
    fresh.upstream.set(CHAT, STREAM)
    fresh.upstream.set(MODERATION, FLAGGED)
    got = await fresh.chat(model="after", stream=True)
    assert got.text.endswith("data: [DONE]\n\n"), "it was with the caller already"
    found = json.loads((await fresh.last_record())["guards"])
    assert [(one["kind"], one["action"]) for one in found] == [("violence", "annotate")]
    got = await fresh.chat(model="held", stream=True)
    assert (got.status_code, got.json()["error"]["code"]) == (400, "content_blocked")
    assert "well" not in got.text
    fresh.upstream.set(MODERATION, CALM)
    got = await fresh.chat(model="held", stream=True)
    assert "All is " in got.text
    assert fresh.upstream.requests[-1].json() == {"input": ["All is well."]}


def verdict(text: str) -> Any:
    usage = {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102}
    return json_answer({"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage})


async def test_a_model_judges_on_the_gateway_s_own_account(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("yes")))
    fresh.upstream.set(JUDGE, verdict("safe"), verdict("unsafe\nS1"))
    assert (await fresh.chat(model="classified", **said("hello"))).status_code == 200
    asked = fresh.upstream.requests[0].json()
    assert (asked["model"], asked["messages"]) == ("llama-guard", [{"role": "user", "content": "hello"}])
    got = await fresh.chat(model="classified")
    assert (got.status_code, got.json()["error"]["gateway"]["kind"]) == (400, "S1")
    served, blocked = await fresh.new_records(2)
    assert (served["input_tokens"], served["output_tokens"]) == (7, 3), "the team pays for its own call alone"
    assert (blocked["outcome"], blocked["cost_nano"]) == ("refused", None)
    for record, roles in ((served, ["judge", "primary"]), (blocked, ["judge"])):
        rows = fresh.gateway.ask_ledger("SELECT * FROM attempts WHERE call = ? ORDER BY n", record["id"])
        assert [row["role"] for row in rows] == roles
        assert (rows[0]["account"], rows[0]["pricing"], rows[0]["usage_source"]) == ("gateway:judges/llama", "unpriced", "provider")  # fmt: skip


async def test_reports_tell_which_guard_s_judge_used_what(fresh: Site) -> None:
    """Guards may share a judge."""
    used = {"llama": [100, 2], "second-look": [200, 4]}
    before = await judged(fresh)
    fresh.upstream.set(CHAT, json_answer(answer("yes")))
    fresh.upstream.set(JUDGE, verdict("safe"))
    assert (await fresh.chat(model="twice", **said("hello"))).status_code == 200
    assert [one.path for one in fresh.upstream.requests].count(JUDGE) == 3
    await fresh.new_records(1)
    after = await judged(fresh)
    for guard, tokens in used.items():
        was = before.get(guard, [0, 0])
        assert [now - then for now, then in zip(after[guard], was, strict=True)] == tokens, guard
    assert {*after} == {*used}


async def judged(site: Site) -> dict[str, list[int]]:
    """By guard, tokens in and out, as the command line and the admin API tell them alike."""
    rows = json.loads((await asyncio.to_thread(site.gateway.cli, "usage", "--by", "account,team", "--json")).stdout)
    async with httpx.AsyncClient(base_url=site.gateway.url, headers=site.gateway.operator) as admin:
        told = (await admin.get("/admin/usage", params={"group_by": "account,team"})).json()["data"]
    for one in (rows, told):
        assert {row["team"] for row in one} <= {row["team"] for row in rows if not row["account"]}, "for whom it was"
    found, same = (
        {row["account"]: [row["input_tokens"], row["output_tokens"]] for row in one if row["account"]}
        for one in (rows, told)
    )
    assert found == same
    return {account.removeprefix("gateway:judges/"): tokens for account, tokens in found.items()}


async def logged(site: Site, line: str) -> str:
    """The log, once the line is in it: it is written beside the calls."""
    async with asyncio.timeout(10):
        while line not in site.gateway.log():
            await asyncio.sleep(0.02)
    return site.gateway.log()


async def test_a_judge_that_gives_no_verdict_is_told_in_the_log_and_nobody_is_sent_back_to_try_again(
    fresh: Site,
) -> None:
    fresh.upstream.set(JUDGE, verdict("Sure! Here is my secret"))
    for _ in range(2):
        got = await fresh.chat(model="classified", **said("hello"))
        assert (got.status_code, got.json()["error"]["code"]) == (503, "guard_unavailable")
        assert "trying again does not help" in got.json()["error"]["message"]
        assert "retry-after" not in got.headers
    line = "guard `llama` cannot look: `judge/llama-guard` answered, and gave no verdict"
    log = await logged(fresh, line)
    assert log.count(line) == 1, "once a minute"
    assert "my secret" not in log
    counted = 'gateway_guard_failures_total{guard="llama",reason="no_verdict"}'
    assert await fresh.gateway.metrics(counted) == 2
