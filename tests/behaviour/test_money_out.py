"""What leaves a running gateway about money: FOCUS exports, statements, alerts to a real receiver."""

import asyncio
import csv
import io
import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook as Receiver

from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import Gateway, GatewayFactory, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "whsec_" + b64encode(b"a secret of the tests, 32 bytes.").decode()
ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500},
}
PRICES = """
currency: USD
prices:
  - {id: known, provider: mock, models: [real-model], from: "2020-01-01", per_million_tokens: {input: 1.00, output: 2.00}}
"""
LIMITS = """
limits:
  - {id: team-budget, per: [tenant, team], cost_per_month: 0.0025, on_exceeded: warn, on_unpriced: allow}
  - {id: key-budget, per: [key], cost_per_day: 100, on_exceeded: warn, on_unpriced: allow}
"""
COST = Decimal("0.002")  # 1,000 tokens in at 1 a million, 500 out at 2


class Place:
    """A gateway with a receiver beside it, two calls in its ledger: one with a price, one without."""

    def __init__(self, gateway: Gateway, receiver: ScriptedUpstream) -> None:
        self.gateway = gateway
        self.receiver = receiver
        self.month = f"{datetime.now(UTC):%Y-%m}"

    def events(self, kind: str) -> list[dict[str, object]]:
        verified = [Receiver(SECRET).verify(one.body.decode(), one.headers) for one in self.receiver.requests]
        return [one["data"] for one in verified if one["type"] == kind]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory) -> AsyncIterator[Place]:
    async with (
        ScriptedUpstream({"*": json_answer(ANSWER)}) as upstream,
        ScriptedUpstream({"*": json_answer({})}) as receiver,
    ):
        with gateways(tmp_path_factory.mktemp("money")) as make:
            hook = {"name": "ops", "url": f"{receiver.base_url}/hook", "secret": "${env:HOOK_SECRET}"}
            models = {"test-model": {"targets": ["mock/real-model"]}, "new-model": {"targets": ["mock/new-model"]}}
            gateway = make(upstream.base_url, policies={"prices": PRICES, "limits": LIMITS}, models=models, alerts={"webhooks": [hook], "interval_s": 0.2})  # fmt: skip
            await asyncio.to_thread(gateway.start, HOOK_SECRET=SECRET)
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
                for model in models:
                    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
                    assert (await client.post("/chat/completions", json=body)).status_code == 200
            await asyncio.to_thread(gateway.records, 2)
            yield Place(gateway, receiver)


async def export(place: Place, **query: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=place.gateway.url, headers=place.gateway.operator, timeout=20) as client:
        return await client.get("/admin/usage/focus", params=query)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_focus_over_http_is_what_the_ledger_says(place: Place) -> None:
    tomorrow = datetime.fromtimestamp(time.time() + 86_400, UTC).date()
    answer = await export(place, since=f"{place.month}-01", until=str(tomorrow))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-gateway-unpriced-charges"] == "2"
    found = rows(answer.text)
    assert sum(Decimal(row["BilledCost"]) for row in found) == COST
    assert {row["SubAccountId"] for row in found} == {"acme/team-a"}
    assert {row["SkuMeter"] for row in found} == {"Input Tokens", "Output Tokens"}
    assert {row["BillingPeriodStart"] for row in found} == {f"{place.month}-01T00:00:00Z"}


async def test_a_period_that_is_none_is_a_400(place: Place) -> None:
    assert (await export(place, since="2026-10-01T00:30:00Z")).status_code == 400
    assert (await export(place, since="yesterday")).status_code == 400


async def test_focus_on_the_command_line_says_what_is_missing(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "focus.csv"
    command = ("ledger", "export", "--focus", "1.3", "--month", place.month, "--by", "day", "--out", str(out))
    done = await asyncio.to_thread(place.gateway.cli, *command)
    assert "2 charges have no known price and are NOT in this export" in done.stderr
    assert "mock/new-model input_tokens: 1 charges, quantity 1,000" in done.stderr
    found = rows(out.read_text())
    assert sum(Decimal(row["BilledCost"]) for row in found) == COST
    assert "ProviderName" in found[0]
    strict = await asyncio.to_thread(place.gateway.cli, *command, "--strict", check=False)
    assert strict.returncode == 1


async def test_parquet_on_the_command_line(place: Place, tmp_path: Path) -> None:
    import pyarrow.parquet

    out = tmp_path / "focus.parquet"
    await asyncio.to_thread(place.gateway.cli, "ledger", "export", "--month", place.month, "--out", str(out))
    assert sum(pyarrow.parquet.read_table(out)["BilledCost"].to_pylist()) == COST
    assert [one.name for one in tmp_path.iterdir()] == ["focus.parquet"]


async def test_statements_of_all_teams_make_a_folder(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "statements"
    done = await asyncio.to_thread(place.gateway.cli, "ledger", "statement", "--month", place.month, "--out", str(out))
    assert "1 statement in" in done.stdout
    page = (out / "acme" / "team-a.html").read_text()
    assert "exactly 0.002" in page
    assert "1 call without a known price" in page
    assert 'href="acme/team-a.html"' in (out / "index.html").read_text()


async def test_a_statement_of_a_team_that_is_not_there_is_refused(place: Place, tmp_path: Path) -> None:
    command = ("ledger", "statement", "--tenant", "acme", "--team", "nobody", "--month", place.month)
    done = await asyncio.to_thread(place.gateway.cli, *command, "--out", str(tmp_path / "x.html"), check=False)
    assert done.returncode == 1
    assert "not declared" in done.stderr


async def test_a_budget_that_fills_up_reaches_the_receiver_once(place: Place) -> None:
    async with asyncio.timeout(15):
        while not place.events("budget.threshold_reached"):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.6)  # three more looks
    (told,) = place.events("budget.threshold_reached")
    assert (told["limit"], told["threshold_percent"], told["used"]) == ("team-budget", 80, "0.002000000")
    assert told["scope"] == {"tenant": "acme", "team": "acme/team-a"}


async def test_a_statement_has_the_team_s_budgets(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    command = ("ledger", "statement", "--tenant", "acme", "--team", "team-a", "--month", place.month, "--out", str(out))
    await asyncio.to_thread(place.gateway.cli, *command)
    page = out.read_text()
    assert "team-budget: tenant acme, team acme/team-a, a month" in page
    assert "80 % used" in page
    assert "key-budget" not in page


async def test_a_missing_price_reaches_the_receiver_once(place: Place) -> None:
    async with asyncio.timeout(15):
        while not place.events("price.missing"):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.6)  # three more looks
    assert place.events("price.missing") == [{"target": "mock/new-model", "calls_today": 1}]
    done = await asyncio.to_thread(place.gateway.cli, "alerts", "list", "--json")
    listed = {told["kind"]: told["deliveries"][0]["state"] for told in json.loads(done.stdout)}
    assert listed["price.missing"] == "delivered"


async def test_the_log_and_the_metrics_tell_it_too(place: Place) -> None:
    await test_a_budget_that_fills_up_reaches_the_receiver_once(place)
    await test_a_missing_price_reaches_the_receiver_once(place)
    assert "price.missing: mock/new-model is used and has no price" in place.gateway.log()
    assert await place.gateway.metrics('gateway_alerts_total{kind="price.missing"}') == 1
    assert await place.gateway.metrics('gateway_alert_deliveries_total{result="delivered"}') == 2
    assert SECRET not in place.gateway.log()


@pytest.mark.parametrize(
    ("code", "ends_with", "said"), [(200, 0, "answered 200"), (302, 1, "redirects are not followed")]
)
async def test_a_test_event_is_sent_and_what_came_of_it_told(
    make_gateway: GatewayFactory, code: int, ends_with: int, said: str
) -> None:
    async with ScriptedUpstream({"*": json_answer({}, code)}) as receiver:
        hook = {"name": "ops", "url": f"{receiver.base_url}/hook", "secret": SECRET}
        gateway = make_gateway(alerts={"webhooks": [hook]})
        done = await asyncio.to_thread(gateway.cli, "alerts", "test", check=False)
    kinds = [Receiver(SECRET).verify(one.body.decode(), one.headers)["type"] for one in receiver.requests]
    assert (done.returncode, kinds) == (ends_with, ["alert.test"])
    assert said in done.stdout


async def test_without_webhooks_a_test_says_so(make_gateway: GatewayFactory) -> None:
    done = make_gateway().cli("alerts", "test", check=False)
    assert done.returncode == 1
    assert "names no webhook yet" in done.stderr
    assert make_gateway().cli("alerts", "list").stdout == "nothing was told yet\n"
