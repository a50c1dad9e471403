"""What a call leaves in the ledger below its own row: attempts, charges, sums; and whose work it was."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.ledger.chain import link_digest
from gateway.ledger.rows import ATTEMPT_COLUMNS, CALL_COLUMNS, CHARGE_COLUMNS, seal_of
from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer
from tests.conftest import Gateway, Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
ANSWER = {
    "id": "chatcmpl-1",
    "model": "real-model-2026-01-01",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
NOTED = {"tags": {"labels": ["app"], "headers": {"X-Feature": "feature"}, "metadata": ["ticket", "app"]}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({}) as upstream:
        with gateways(tmp_path_factory.mktemp("site")) as make:
            gateway = make(upstream.base_url, metering={"noted": NOTED})
            gateway.key = gateway.create_key("team-a", "--label", "app=desk")
            await asyncio.to_thread(gateway.start)
            async with httpx.AsyncClient(
                base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
            ) as client:
                yield Site(gateway, upstream, client)


def attempts(gateway: Gateway, call: str) -> list[dict[str, Any]]:
    return gateway.ask_ledger("SELECT * FROM attempts WHERE call = ? ORDER BY n", call)


def charges(gateway: Gateway, call: str) -> list[dict[str, Any]]:
    return gateway.ask_ledger("SELECT * FROM charges WHERE call = ? ORDER BY n, seq", call)


async def test_a_call_has_its_attempt_and_disjoint_charges_that_add_up(fresh: Site) -> None:
    usage = {**USAGE, "prompt_tokens": 12, "prompt_tokens_details": {"cached_tokens": 5}}
    fresh.upstream.set(CHAT, json_answer({**ANSWER, "usage": usage}, headers={"x-request-id": "req_up_1"}))
    await fresh.chat()
    record = await fresh.last_record()
    (attempt,) = attempts(fresh.gateway, record["id"])
    assert (attempt["n"], attempt["role"], attempt["served"], attempt["account"]) == (1, "primary", 1, "")
    assert (attempt["provider"], attempt["target"]) == ("mock", "mock/real-model")
    assert (attempt["outcome"], attempt["status"], attempt["finish_reason"]) == ("completed", 200, "stop")
    assert attempt["upstream_request_id"] == "req_up_1"
    assert 0 < attempt["duration_us"] <= record["duration_us"]
    found = charges(fresh.gateway, record["id"])
    assert [(one["meter"], one["quantity"]) for one in found] == [
        ("input_tokens", 7), ("cached_input_tokens", 5), ("output_tokens", 3)
    ]  # fmt: skip
    assert sum(one["nano"] for one in found) == attempt["cost_nano"] == record["cost_nano"] == 15_500


async def test_a_stream_leaves_the_same(fresh: Site) -> None:
    fresh.upstream.set(
        CHAT,
        event_stream(
            event({"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}),
            event({"id": "c", "choices": [], "usage": USAGE}),
            DONE,
        ),
    )
    await fresh.chat(stream=True)
    record = await fresh.last_record()
    (attempt,) = attempts(fresh.gateway, record["id"])
    assert (attempt["outcome"], attempt["usage_source"], attempt["pricing"]) == ("completed", "provider", "priced")
    assert attempt["ttfb_us"] is not None
    assert [one["quantity"] for one in charges(fresh.gateway, record["id"])] == [12, 3]


async def test_an_upstreams_refusal_is_an_attempt_without_charges(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer({"error": {"message": "no", "type": "invalid_request_error"}}, 400))
    assert (await fresh.chat()).status_code == 400
    record = await fresh.last_record()
    (attempt,) = attempts(fresh.gateway, record["id"])
    assert (attempt["outcome"], attempt["status"], attempt["pricing"]) == ("refused", 400, "none")
    assert attempt["error_code"] == "upstream_status_400"
    assert charges(fresh.gateway, record["id"]) == []


async def test_what_was_refused_has_no_attempt(fresh: Site) -> None:
    assert (await fresh.chat(model="nobody-has-this")).status_code == 404
    record = await fresh.last_record()
    assert record["outcome"] == "refused"
    assert attempts(fresh.gateway, record["id"]) == []


async def test_tags_come_from_label_header_and_body_in_this_order(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    body = {"model": "test-model", "messages": [], "metadata": {"ticket": "T-1", "app": "forged", "other": "x"}}
    await fresh.client.post("/chat/completions", json=body, headers={"x-feature": "summary", "x-other": "y"})
    record = await fresh.last_record()
    assert json.loads(record["tags"]) == {"app": "desk", "feature": "summary", "ticket": "T-1"}


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ({"user": "u-ada"}, "u-ada"),
        ({"user": "u-ada", "safety_identifier": "h-1"}, "h-1"),
        ({"metadata": {"user_id": "u-mary"}}, "u-mary"),
        ({"user": 5}, None),
        ({"user": "u" * 1000}, "u" * 256),
    ],
)
async def test_the_end_user_is_kept_apart(fresh: Site, fields: dict[str, Any], user: str | None) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    await fresh.chat(**fields)
    record = await fresh.last_record()
    found = fresh.gateway.ask_ledger("SELECT user FROM people WHERE id = ?", record["person"])
    assert [row["user"] for row in found] == ([] if user is None else [user])
    others = {name: value for name, value in record.items() if name != "person"}
    # No id of hex digits spells one of these names by accident.
    assert user is None or user not in str(others), "the name stands in one place only"


async def test_runs_and_agents_are_named_by_headers(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    body = {"model": "test-model", "messages": []}
    await fresh.client.post("/chat/completions", json=body, headers={"x-run-id": "run-7", "x-agent-id": "scout"})
    record = await fresh.last_record()
    assert (record["run_id"], record["agent"]) == ("run-7", "scout")


async def test_the_chain_is_what_anybody_can_compute_from_the_rows(fresh: Site) -> None:
    """Also after a restart: the seals and links are functions of the rows alone."""
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    await fresh.chat()
    await fresh.last_record()
    ask = fresh.gateway.ask_ledger
    before = b""
    for link in ask("SELECT * FROM links ORDER BY seq"):
        calls = ask(f"SELECT {', '.join(CALL_COLUMNS)}, seal FROM calls WHERE link = ? ORDER BY id", link["seq"])
        assert len(calls) == link["calls"] > 0
        for call in calls:
            *row, seal = call.values()
            below = [
                [tuple(one[name] for name in columns) for one in found(fresh.gateway, call["id"])]
                for columns, found in ((ATTEMPT_COLUMNS, attempts), (CHARGE_COLUMNS, charges))
            ]
            assert seal == seal_of(row, *below)
        before = link_digest(before, link["seq"], link["writer"], [call["seal"] for call in calls])
        assert before == link["digest"]
    assert before, "there is a chain"


async def test_the_sums_of_the_hour_are_those_of_the_calls(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    await fresh.chat()
    await fresh.last_record()
    ask = fresh.gateway.ask_ledger
    (calls,) = ask("SELECT count(*) AS n, sum(input_tokens) AS tokens, sum(cost_nano) AS nano FROM calls")
    for table in ("usage_hours", "usage_days"):
        (sums,) = ask(f"SELECT sum(calls) AS n, sum(input_tokens) AS tokens, sum(cost_nano) AS nano FROM {table}")
        assert sums == calls
    for table in ("charge_hours", "charge_days"):
        (sums,) = ask(f"SELECT sum(quantity) AS quantity, sum(nano) AS nano FROM {table}")
        assert sums == ask("SELECT sum(quantity) AS quantity, sum(nano) AS nano FROM charges")[0]
