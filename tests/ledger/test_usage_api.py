"""Usage over HTTP: the admin API's pages, single calls, and OpenAI's organization API read with its own SDK."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from keeping import call

from gateway.cli import main
from gateway.core.attempt import Attempt, Charge
from gateway.core.clock import uuid7
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.edge.admin.table import cursor
from gateway.ledger.store import SqliteLedger
from tests.conftest import Gateway, GatewayFactory, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR_S = 3600
# Midnight of a day that is over.
DAY_S = int(time.time()) // 86_400 * 86_400 - 3 * 86_400


def record(number: int, **fields: Any) -> Record:
    started_ns = (DAY_S + number * HOUR_S) * 10**9 + 17
    made = call(number, started_ns=started_ns, team=f"team-{'ab'[number % 2]}", **fields)
    made.id = uuid7(started_ns, lambda size: number.to_bytes(size, "big"))
    return made


FULL = Usage(
    input_tokens=10,
    cached_input_tokens=4,
    cache_write_tokens=3,
    input_audio_tokens=5,
    input_image_tokens=2,
    cached_audio_tokens=1,
    output_tokens=20,
    reasoning_tokens=6,
    output_audio_tokens=7,
)
NO_PRICE = Attempt(
    served=True, provider="p", target="p/m", served_model="m-1", pricing="unpriced", outcome="completed",
    charges=(Charge("input_tokens", 6), Charge("output_tokens", 2)),
)  # fmt: skip
RECORDS = [
    record(1, usage=FULL, user="jane@example.com"),
    record(2),
    record(3, outcome="refused", usage=None, cost_nano=None, list_nano=None, pricing="none", attempts=()),
    record(4, operation="embeddings", user=""),
    record(5, operation="speech", usage=Usage(characters=44)),
    record(6, operation="transcriptions", usage=Usage(audio_ms=61_400)),
    record(7, operation="images", usage=Usage(images=2)),
    record(8, operation="responses", usage=Usage(code_sessions=2)),
    record(9, operation="moderations"),
    record(11, operation="chat", pricing="unpriced", cost_nano=None, list_nano=None, attempts=(NO_PRICE,)),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    with gateways(tmp_path_factory.mktemp("usage")) as make:
        made = make()
        fill(made.state)
        yield await asyncio.to_thread(made.start)


def fill(state: Path) -> None:
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with SqliteLedger(state / "ledger.db") as ledger:
        ledger.commit(RECORDS, "w-1.jnl", 1)


@pytest_asyncio.fixture(loop_scope="module")
async def admin(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, headers=gateway.operator, timeout=20) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    key = gateway.operator["authorization"].removeprefix("Bearer ")
    async with openai.AsyncOpenAI(base_url=gateway.base_url, admin_api_key=key, max_retries=0) as client:
        yield client


async def paged(admin: httpx.AsyncClient, path: str, limit: int, **asked: str) -> list[dict[str, Any]]:
    """Everything, from the first page to the last."""
    found: list[dict[str, Any]] = []
    params = {**asked, "limit": str(limit)}
    while True:
        page = (await admin.get(path, params=params)).json()
        assert len(page["data"]) <= limit
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


async def test_usage_comes_in_pages_that_hold_every_line_once(admin: httpx.AsyncClient) -> None:
    found = await paged(admin, "/admin/usage", 2, group_by="operation,model", zone="Europe/Berlin")
    whole = (await admin.get("/admin/usage", params={"group_by": "operation,model"})).json()
    assert (found, whole["next_cursor"]) == (whole["data"], None)
    assert sum(row["calls"] for row in found) == len(RECORDS)
    assert {"list_usd", "cost_usd", "list_nano", "inconsistent"} <= {*found[0]}


async def test_usage_is_filtered_by_every_word(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/admin/usage", params={"user": "jane@example.com", "tag": "env=dev", "team": "team-b"})
    assert [row["calls"] for row in answer.json()["data"]] == [len([one for one in RECORDS if one.user.startswith("jane")
                                                                    and one.team == "team-b"])]  # fmt: skip
    for bad in ({"tag": "env"}, {"group_by": "colour"}, {"since": "yesterday"}, {"cursor": "AA"}, {"zone": "Mars"}):
        assert (await admin.get("/admin/usage", params=bad)).status_code == 400


async def test_single_calls_come_latest_first_and_each_once(admin: httpx.AsyncClient) -> None:
    ids = [row["id"] for row in await paged(admin, "/admin/calls", 4, team="team-b")]
    assert ids == [one.id for one in reversed(RECORDS) if one.team == "team-b"]


async def test_one_call_with_what_it_cost(admin: httpx.AsyncClient) -> None:
    found = (await admin.get(f"/admin/calls/{RECORDS[0].id}")).json()
    assert (found["user"], found["team"], found["cost_nano"]) == ("jane@example.com", "team-b", 1_500)
    served, mirror = found["attempts"]
    assert (served["served"], served["raw_usage"], served["tier"]) == (True, '{"x":1}', "default")
    assert [(one["meter"], one["nano"]) for one in served["charges"]] == [
        ("input_tokens", 1000),
        ("output_tokens", 500),
    ]
    assert mirror["account"] == "gateway:mirrors"
    assert not {"seal", "link", "person"} & {*found}
    for other in ("nothing", "00000000-0000-7000-8000-000000000000"):
        assert (await admin.get(f"/admin/calls/{other}")).status_code == 404


async def test_openais_sdk_reads_completions(sdk: openai.AsyncOpenAI) -> None:
    page = await sdk.admin.organization.usage.completions(
        start_time=DAY_S, end_time=DAY_S + 86_400, group_by=["project_id", "api_key_id", "user_id", "model"]
    )
    (bucket,) = page.data
    assert (bucket.start_time, bucket.end_time, page.has_more, page.next_page) == (DAY_S, DAY_S + 86_400, False, None)
    results = {(one.user_id, one.model): one for one in bucket.results}  # type: ignore[union-attr]
    one = results["jane@example.com", "m1"]
    assert (one.project_id, one.api_key_id, one.batch, one.service_tier) == ("acme/team-b", "k1", None, None)  # type: ignore[union-attr]
    figures = one.to_dict()
    expected = {
        "input_tokens": 25,
        "input_cached_tokens": 5,
        "input_cached_audio_tokens": 1,
        "input_cache_write_tokens": 3,
        "input_uncached_tokens": 17,
        "input_text_tokens": 10,
        "input_audio_tokens": 5,
        "input_image_tokens": 2,
        "output_tokens": 33,
        "output_text_tokens": 26,
        "output_audio_tokens": 7,
        "num_model_requests": 1,
    }
    assert {name: figures[name] for name in expected} == expected
    assert type(one).__name__ == "DataResultOrganizationUsageCompletionsResult"


KINDS = {
    "embeddings": {"num_model_requests": 1, "input_tokens": 10},
    "moderations": {"num_model_requests": 1, "input_tokens": 10},
    "images": {"num_model_requests": 1, "images": 2},
    "audio_speeches": {"num_model_requests": 1, "characters": 44},
    "audio_transcriptions": {"num_model_requests": 1, "seconds": 61},
    "code_interpreter_sessions": {"num_sessions": 2},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_openais_sdk_reads_every_kind(sdk: openai.AsyncOpenAI, kind: str) -> None:
    read = getattr(sdk.admin.organization.usage, kind)
    page = await read(start_time=DAY_S, end_time=DAY_S + 86_400, group_by=["project_id"])
    (bucket,) = page.data
    (result,) = bucket.results
    figures = result.to_dict()
    assert {name: figures[name] for name in KINDS[kind]} == KINDS[kind]
    assert figures["object"] == f"organization.usage.{kind}.result"
    assert figures["project_id"].startswith("acme/team-")


async def test_vector_stores_are_never_there(sdk: openai.AsyncOpenAI) -> None:
    page = await sdk.admin.organization.usage.vector_stores(start_time=DAY_S, end_time=DAY_S + 86_400)
    assert [bucket.results for bucket in page.data] == [[]]


async def test_buckets_begin_on_whole_hours_and_come_in_pages(sdk: openai.AsyncOpenAI) -> None:
    asked: dict[str, Any] = {
        "start_time": DAY_S + 1_800,
        "end_time": DAY_S + 5 * HOUR_S,
        "bucket_width": "1h",
        "limit": 2,
    }
    starts: list[int] = []
    requests = 0
    page: str | openai.Omit = openai.omit
    while True:
        found = await sdk.admin.organization.usage.completions(**asked, page=page)
        starts += [bucket.start_time for bucket in found.data]
        requests += sum(one.num_model_requests for bucket in found.data for one in bucket.results)  # type: ignore[union-attr]
        if found.next_page is None:
            break
        page = found.next_page
    assert starts == [DAY_S + 1_800, *(DAY_S + hour * HOUR_S for hour in range(1, 5))]
    assert requests == 2
    minutes = await sdk.admin.organization.usage.completions(
        start_time=DAY_S + HOUR_S, end_time=DAY_S + HOUR_S + 120, bucket_width="1m"
    )
    assert [len(bucket.results) for bucket in minutes.data] == [1, 0]


async def test_grouped_by_tier_and_batch(sdk: openai.AsyncOpenAI) -> None:
    day: dict[str, Any] = {"start_time": DAY_S, "end_time": DAY_S + 86_400}
    page = await sdk.admin.organization.usage.completions(**day, group_by=["service_tier", "batch", "api_source"])
    found = {(one.service_tier, one.batch, one.api_source) for one in page.data[0].results}  # type: ignore[union-attr]
    assert found == {("default", False, "unlabeled"), (None, False, "unlabeled")}
    batches = await sdk.admin.organization.usage.completions(**day, batch=True)
    assert batches.data[0].results == []


async def test_openais_sdk_reads_costs(sdk: openai.AsyncOpenAI, admin: httpx.AsyncClient) -> None:
    day: dict[str, Any] = {"start_time": DAY_S, "end_time": DAY_S + 86_400}
    page = await sdk.admin.organization.usage.costs(**day, group_by=["project_id", "line_item"])
    (bucket,) = page.data
    found = {
        (one.project_id, one.line_item): (one.amount.value, one.amount.currency, one.quantity, one.quantity_unit)  # type: ignore[union-attr]
        for one in bucket.results
    }
    assert found["acme/team-b", "m-1, input tokens"] == (0.000004, "usd", 40, "tokens")
    assert found["gateway:mirrors", "m-1, input tokens"] == (0.000008, "usd", 80, "tokens")
    assert found["acme/team-b", "m-1, input tokens (no price)"] == (0, "usd", 6, "tokens")
    missing = {one.line_item: one.to_dict()["unpriced_charges"] for one in bucket.results if one.project_id == "acme/team-b"}  # type: ignore[union-attr]  # fmt: skip
    assert missing["m-1, input tokens (no price)"] == missing["m-1, output tokens (no price)"] == 1
    assert missing["m-1, input tokens"] == 0
    named = await sdk.admin.organization.usage.costs(**day, line_items=["m-1, output tokens (no price)"])
    assert [one.to_dict()["unpriced_charges"] for one in named.data[0].results] == [1]
    ((total,),) = [
        bucket.results for bucket in (await sdk.admin.organization.usage.costs(**day, project_ids=["acme/team-b"])).data
    ]
    usage = (await admin.get("/admin/usage", params={"group_by": "team", "team": "team-b"})).json()["data"]
    assert total.amount.value == usage[0]["cost_nano"] / 1e9  # type: ignore[union-attr]
    assert total.line_item is None  # type: ignore[union-attr]


async def test_only_operators_read_it_and_errors_are_openais(gateway: Gateway, admin: httpx.AsyncClient) -> None:
    for path in ("usage/completions", "costs"):
        for key in ("gwa-other", gateway.key):
            headers = {"authorization": f"Bearer {key}"}
            answer = await admin.get(f"/v1/organization/{path}?start_time=1", headers=headers)
            assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    refused = {
        "usage/completions": ["", "start_time=x", "start_time=9&end_time=9", "start_time=1&limit=32", "start_time=1&x=1",
                              "start_time=1&group_by=colour", "start_time=9&page=page_1", "start_time=1&bucket_width=2d"],
        "usage/embeddings": ["start_time=1&batch=true"],
        "costs": ["start_time=1&bucket_width=1h", "start_time=1&group_by=model"],
    }  # fmt: skip
    for path, queries in refused.items():
        for query in queries:
            answer = await admin.get(f"/v1/organization/{path}?{query}")
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error"), query
    assert (await admin.get("/v1/organization/usage/nothing?start_time=1")).status_code == 404


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("calls", [("cursor", cursor(f'[{10**29},"{RECORDS[0].id}"]'))]),
        ("calls", [("cursor", cursor('[9,"no id"]'))]),
        ("calls", [("team", "\0")]),
        ("usage", [("tag", "a=\0")]),
        ("usage", [("since", "0001-01-01T00:00:00+14:00")]),
        ("usage/focus", [("since", "0001-01-01T00:00:00+14:00")]),
        ("usage/focus", [("since", "9999-12-31T23:00:00-14:00")]),
        ("usage", [("x" * 5000, "")]),
    ],
    ids=range(8),
)
async def test_what_no_store_could_answer_is_the_askers_mistake(
    admin: httpx.AsyncClient, path: str, query: list[tuple[str, str]]
) -> None:
    answer = await admin.get(f"/admin/{path}", params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert len(answer.content) < 1_000


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ([("start_time", "0"), ("end_time", "253402300799"), ("page", "page_253402300700")], 200),
        ([("start_time", "1"), *[("models[]", str(number)) for number in range(2000)]], 400),
        ([("start_time", "1"), ("models", "\0")], 400),
    ],
    ids=["the end of time", "too many", "NUL"],
)
async def test_openais_api_over_any_question(
    admin: httpx.AsyncClient, query: list[tuple[str, str]], status: int
) -> None:
    answer = await admin.get("/v1/organization/usage/completions", params=query)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_command_line_tells_the_same(gateway: Gateway, tmp_path: Path) -> None:
    def cli(*words: str) -> str:
        return gateway.cli(*words).stdout

    told = json.loads(await asyncio.to_thread(cli, "usage", "--group-by", "team", "--since", "7d", "--format", "json"))
    assert {row["team"]: row["calls"] for row in told} == {"team-a": 4, "team-b": 6}
    lines = await asyncio.to_thread(
        cli, "usage", "--by", "user", "--format", "jsonl", "--tag", "env=dev", "--tenant", "acme"
    )
    assert sum(json.loads(line)["calls"] for line in lines.splitlines()) == 10
    out = tmp_path / "usage.parquet"
    await asyncio.to_thread(cli, "usage", "--format", "parquet", "--out", str(out))
    assert out.read_bytes().startswith(b"PAR1")


async def test_an_export_is_written_to_a_pipe_and_does_not_take_its_place(gateway: Gateway, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = ("ledger", "export", "--since", "2026-01-01", "--out", str(pipe))
    reading = asyncio.create_task(asyncio.to_thread(pipe.read_bytes))
    await asyncio.to_thread(gateway.cli, *words)
    assert (await reading).startswith(b"BilledCost,")
    assert pipe.is_fifo()
    refused = await asyncio.to_thread(lambda: gateway.cli(*words[:-1], str(tmp_path), check=False))
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)


async def test_the_month_after_which_there_is_none_is_no_month(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ledger", "export", "--month", "9999-12"])
    assert ended.value.code == 2
    assert "is not a month" in capsys.readouterr().err


async def test_the_ledgers_verbs(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    fill(gateway.state)

    def cli(*words: str, code: int = 0) -> dict[str, Any]:
        done = gateway.cli("ledger", *words, "--json", check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def verbs() -> None:
        (head,) = cli("head")
        assert cli("verify", "--head", head["digest"])["ok"] is True
        assert cli("forget", "--user", "jane@example.com", "--tags")["tagged"] == 2
        told = cli("verify", "--head", head["digest"])
        assert (told["ok"], told["looked_at"]["resealed"]) == (True, 2)
        assert gateway.cli("ledger", "forget", "--user", "jane@example.com", check=False).returncode == 1
        assert "is not over" in gateway.cli("ledger", "close", time.strftime("%Y-%m"), check=False).stderr
        closed = cli("close", "2020-01")
        assert (closed["month"], closed["calls"]) == ("2020-01", 0)
        assert "WRONG" in gateway.cli("ledger", "verify", "--head", "00" * 32, check=False).stdout

    await asyncio.to_thread(verbs)
