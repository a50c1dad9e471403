"""A provider's exports against a real ledger: each kind of difference has its own word, and nothing else has one."""

import json
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from keeping import place_of
from ledger_parts import Desk
from provider_exports import (
    DAY_S,
    NOON_S,
    Bought,
    anthropic_costs,
    anthropic_usage,
    builtin_book,
    cur_rows,
    openai_costs,
    openai_usage,
    recorded,
    table,
)

from gateway.core.usage import Usage
from gateway.ledger.reconciling.differences import Cell
from gateway.ledger.reconciling.files import read_export
from gateway.ledger.reconciling.reconcile import Asked, Result, reconcile
from gateway.ledger.reconciling.stated import ExportError

KINDS = ("sqlite", "postgres")
MINI = "gpt-5-mini-2025-08-07"
DAY = date(2025, 10, 7)
SONNET = "claude-sonnet-4-5-20250929"
# Per million tokens: input, cached input, output.
RATES = {"gpt-5-mini": ("0.25", "0.025", "2"), "gpt-4o-mini": ("0.15", "0.075", "0.6")}


def rates(model: str) -> tuple[str, str, str]:
    return next(found for name, found in RATES.items() if model.startswith(name))


def calls(count: int = 20, **more: Any) -> list[Bought]:
    """Of one model on one day. The provider answers with the dated name of what it was asked for."""
    return [
        Bought(
            **{
                "model": "gpt-5-mini",
                "served": MINI,
                "usage": Usage(input_tokens=40_000 + number, cached_input_tokens=5_000, output_tokens=9_000 + number),
                **more,
            }
        )
        for number in range(count)
    ]


@pytest.fixture
def compare(desk: Desk, tmp_path: Path) -> Callable[..., Result]:
    """Writes exports into files and compares them with what the desk's ledger holds."""

    def compared(*texts: str, provider: str = "openai", **asked: Any) -> Result:
        files: list[Path] = []
        for number, text in enumerate(texts):
            files.append(tmp_path / f"export-{number}")
            files[-1].write_text(text, encoding="utf-8")
        exports = [read_export(file) for file in files]
        return reconcile(place_of(desk), exports, Asked(provider=provider, **asked))

    return compared


def hold(desk: Desk, bought: Sequence[Bought]) -> None:
    book = builtin_book()
    desk.store.commit([recorded(number, book, one) for number, one in enumerate(bought)], "w-1.jnl", 1)


def findings(result: Result) -> dict[str, list[str]]:
    return {cell.model: cell.findings for cell in result.cells}


def only(result: Result) -> Cell:
    (cell,) = result.cells
    return cell


def test_what_both_sides_hold_is_exact(desk: Desk, compare: Callable[..., Result]) -> None:
    bought = [*calls(), *calls(3, at_s=NOON_S + DAY_S)]
    hold(desk, bought)
    result = compare(openai_usage(bought), openai_costs(bought, rates))
    assert [(cell.day, cell.findings) for cell in result.cells] == [(DAY, ["exact"]), (date(2025, 10, 8), ["exact"])]
    assert not result.has_drift
    assert [one.meter for one in result.cells[0].quantities] == ["input", "cached input", "output"]
    assert result.cells[0].cost is not None
    assert result.cells[0].cost.theirs == result.cells[0].cost.ours > 0


def test_three_percent_more_tokens_of_as_many_requests_are_a_quantity_drift(
    desk: Desk, compare: Callable[..., Result]
) -> None:
    hold(desk, calls())
    result = compare(openai_usage(calls(), times=Decimal("1.03")))
    assert findings(result) == {MINI: ["quantity drift"]}
    assert result.has_drift
    ratio = only(result).tokens.ratio
    assert ratio is not None
    assert round(ratio, 3) == Decimal("0.030")
    assert not compare(openai_usage(calls(), times=Decimal("1.03")), tolerance=Decimal("0.04")).has_drift


def test_another_price_of_the_same_tokens_is_a_price_drift(desk: Desk, compare: Callable[..., Result]) -> None:
    hold(desk, calls())
    result = compare(openai_usage(calls()), openai_costs(calls(), lambda _: ("0.30", "0.025", "2")))
    assert findings(result) == {MINI: ["price drift"]}
    cell = only(result)
    assert cell.by_quantity == 0
    assert cell.by_price == sum(one.usage.input_tokens for one in calls()) * Decimal("0.05") / 10**6


def test_more_tokens_at_another_price_are_both_each_with_its_part(desk: Desk, compare: Callable[..., Result]) -> None:
    hold(desk, calls())
    more = [*calls(), Bought(model="gpt-5-mini", served=MINI, usage=Usage(output_tokens=100_000))]
    stated = json.loads(openai_usage(more))
    stated["data"][0]["results"][0]["num_model_requests"] = len(calls())
    result = compare(json.dumps(stated), openai_costs(more, lambda _: ("0.25", "0.025", "3")))
    assert findings(result) == {MINI: ["quantity drift", "price drift"]}
    assert only(result).by_quantity == Decimal("0.2")
    assert only(result).by_price == sum(one.usage.output_tokens for one in more) * Decimal(1) / 10**6


def test_foreign_traffic_is_a_bypass_by_its_requests_its_model_or_its_key(
    desk: Desk, compare: Callable[..., Result]
) -> None:
    hold(desk, calls())
    result = compare(openai_usage([*calls(), *calls(4)]))
    assert findings(result) == {MINI: ["bypass"]}
    assert only(result).notes == ["4 requests more than the ledger has"]
    other = calls(2, model="gpt-4o-mini", served="gpt-4o-mini-2024-07-18")
    assert findings(compare(openai_usage([*calls(), *other]))) == {
        "gpt-4o-mini": ["bypass"],
        MINI: ["exact"],
    }
    ours, foreign = json.loads(openai_usage(calls(), api_key_id="key_ours")), json.loads(openai_usage(calls(2)))
    ours["data"][0]["results"] += [{**foreign["data"][0]["results"][0], "api_key_id": "key_other"}]
    told = compare(json.dumps(ours), keys=frozenset({"key_ours"}))
    assert [(cell.findings, cell.notes) for cell in told.cells] == [
        (["exact"], []),
        (["bypass"], ["by key key_other, which is not the gateway's"]),
    ]
    assert told.has_drift


def test_what_the_provider_does_not_state_is_missing_there(desk: Desk, compare: Callable[..., Result]) -> None:
    other = calls(2, model="gpt-4o-mini", served="gpt-4o-mini-2024-07-18")
    hold(desk, [*calls(), *other])
    assert findings(compare(openai_usage(calls()))) == {"gpt-4o-mini-2024-07-18": ["missing there"], MINI: ["exact"]}


def test_calls_that_were_cut_short_explain_a_difference_and_are_listed_the_likeliest_first(
    desk: Desk, compare: Callable[..., Result]
) -> None:
    cut = [
        *calls(1, outcome="cancelled"),
        *calls(1, outcome="interrupted", source="none", usage=Usage()),
        *calls(2, source="estimate", outcome="cancelled", usage=Usage(input_tokens=40_000, output_tokens=3_000)),
        *calls(1, source="inconsistent"),
    ]
    hold(desk, [*calls(), *cut])
    stated = [
        *calls(),
        *calls(1),
        *calls(1),
        *calls(2, usage=Usage(input_tokens=40_000, output_tokens=12_000)),
        *calls(1),
    ]
    result = compare(openai_usage(stated))
    assert findings(result) == {MINI: ["estimated"]}
    assert not result.has_drift
    found = only(result).calls
    assert [one.why for one in found] == ["estimate", "estimate", "interrupted", "inconsistent", "cancelled"]
    assert {one.upstream_id for one in found} == {f"req_{number}" for number in range(20, 25)}


def test_what_was_counted_on_the_other_side_of_midnight_is_told_apart(
    desk: Desk, compare: Callable[..., Result]
) -> None:
    """A long call began at 23:59 and ended on the next day, which is when the provider counted it."""
    late = Bought(
        model="gpt-5-mini",
        served=MINI,
        usage=Usage(input_tokens=100_000, output_tokens=100_000),
        at_s=NOON_S + DAY_S // 2 - 60,
        duration_us=180_000_000,
    )
    both = [*calls(), *calls(at_s=NOON_S + DAY_S)]
    hold(desk, [*both, late])
    there = Bought(model=late.model, served=MINI, usage=late.usage, at_s=NOON_S + DAY_S)
    result = compare(openai_usage([*both, there], num_model_requests=20))
    assert [cell.findings for cell in result.cells] == [["midnight"], ["midnight"]]
    assert [one.upstream_id for one in result.cells[0].calls] == ["req_40"]
    assert not result.has_drift


def test_a_call_without_a_price_is_said_to_have_none(desk: Desk, compare: Callable[..., Result]) -> None:
    new = calls(2, model="gpt-99-new", served="gpt-99-new")
    hold(desk, new)
    result = compare(openai_usage(new), openai_costs(new, lambda _: ("1", "1", "1")))
    assert findings(result) == {"gpt-99-new": ["unpriced"]}
    assert result.has_drift


def test_the_dashboard_s_own_tables_of_a_real_day_are_exact_by_published_prices(
    desk: Desk, compare: Callable[..., Result]
) -> None:
    """21 calls of 7 October 2025 as the dashboard exported them: 80,992 tokens in, 274,770 out, 0.569788 USD."""
    used = [Usage(input_tokens=3_856, output_tokens=13_084)] * 20 + [Usage(input_tokens=3_872, output_tokens=13_090)]
    hold(desk, [Bought(model="gpt-5-mini", served=MINI, usage=one) for one in used])
    times = {
        "start_time": "1759795200",
        "end_time": "1759881600",
        "start_time_iso": "2025-10-07T00:00:00+00:00",
        "end_time_iso": "2025-10-08T00:00:00+00:00",
    }
    usage = {
        "num_model_requests": "21.0",
        "model": MINI,
        "batch": "FALSE",
        "service_tier": "default",
        "input_tokens": "80992.0",
        "output_tokens": "274770.0",
        "input_cached_tokens": "0.0",
    }
    empty = {"start_time": "1759881600", "end_time": "1759968000"}
    costs = {**times, "amount_value": "0.569788", "amount_currency": "usd", "line_item": "", "organization_id": "org"}
    result = compare(
        table([{**times, **usage}, {**dict.fromkeys({**times, **usage}, ""), **empty}], "\t"), table([costs])
    )
    assert [(cell.model, cell.findings) for cell in result.cells] == [("", ["exact"]), (MINI, ["exact"])]
    assert result.cells[0].cost is not None
    assert result.cells[0].cost.ours == Decimal("0.569788")
    assert result.days == [DAY, date(2025, 10, 8)]


def test_anthropic_s_reports_by_cache_and_tool_and_in_cents(desk: Desk, compare: Callable[..., Result]) -> None:
    used = Usage(
        input_tokens=10_000,
        cached_input_tokens=100_000,
        cache_write_tokens=30_000,
        cache_write_1h_tokens=40_000,
        output_tokens=5_000,
        web_searches=3,
    )
    bought = [Bought(provider="claude", model="claude-sonnet-4-5", served=SONNET, usage=used)]
    hold(desk, bought)
    cents = {
        "uncached_input_tokens": "3.0",
        "cache_read_input_tokens": "3.0",
        "cache_creation.ephemeral_5m_input_tokens": "11.25",
        "cache_creation.ephemeral_1h_input_tokens": "24",
        "output_tokens": "7.5",
    }
    costs = anthropic_costs(NOON_S - DAY_S // 2, SONNET, cents, searches="3.0")
    result = compare(anthropic_usage(bought), costs, provider="claude")
    assert findings(result) == {"": ["exact"], SONNET: ["exact"]}
    drifted = compare(anthropic_usage(bought, times=2), provider="claude")
    assert findings(drifted) == {SONNET: ["quantity drift"]}
    assert "does not tell how many requests" in only(drifted).notes[0]
    dearer = anthropic_costs(NOON_S - DAY_S // 2, SONNET, {**cents, "output_tokens": "15"}, searches="3.0")
    assert findings(compare(anthropic_usage(bought), dearer, provider="claude"))[SONNET] == ["price drift"]


BEDROCK = Usage(input_tokens=12_000, cached_input_tokens=4_000, cache_write_tokens=2_000, output_tokens=3_000)


@pytest.mark.parametrize(("unit", "scale"), [("1K tokens", 1_000), ("tokens", 1), ("1M tokens", 1_000_000)])
def test_aws_s_report_in_whatever_unit_it_counts(
    desk: Desk, compare: Callable[..., Result], unit: str, scale: int
) -> None:
    hold(desk, [Bought(provider="bedrock", model="us.anthropic.claude-sonnet-4-5-20250929-v1:0", usage=BEDROCK)])
    counted = {
        "input-tokens": (BEDROCK.input_tokens, "0.0396"),
        "cache-read-input-token-count": (BEDROCK.cached_input_tokens, "0.00132"),
        "cache-write-input-token-count": (BEDROCK.cache_write_tokens, "0.00825"),
        "output-tokens-cross-region-geo": (BEDROCK.output_tokens, "0.0495"),
    }
    amounts = {name: (str(Decimal(count) / scale), cost) for name, (count, cost) in counted.items()}
    rows = cur_rows("2025-10-07", "Claude4.5Sonnet", amounts, unit)
    result = compare(table(rows), provider="bedrock")
    assert only(result).findings == ["exact"]
    assert [one.difference for one in only(result).quantities] == [0, 0, 0, 0]


def test_parquet_is_read_like_csv(desk: Desk, tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    hold(desk, [Bought(provider="bedrock", model="us.anthropic.claude-sonnet-4-5-20250929-v1:0", usage=BEDROCK)])
    amounts = {"input-tokens": ("12", "0.036"), "output-tokens": ("3", "0.045")}
    rows = cur_rows("2025-10-07", "Claude4.5Sonnet", amounts)
    for row in rows:
        row["line_item_usage_amount"] = float(row["line_item_usage_amount"])
        row["line_item_unblended_cost"] = Decimal(row["line_item_unblended_cost"])
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "cur.parquet")
    export = read_export(tmp_path / "cur.parquet")
    result = reconcile(place_of(desk), [export], Asked(provider="bedrock"))
    assert {one.meter: one.difference for one in only(result).quantities} == {"input": 0, "output": 0}


def test_focus_of_any_cloud_by_its_details_its_usage_type_or_its_words(
    desk: Desk, compare: Callable[..., Result]
) -> None:
    used = Usage(input_tokens=2_000, cached_input_tokens=1_000, output_tokens=500)
    hold(desk, [Bought(model="gpt-4o-mini", served="gpt-4o-mini-2024-07-18", usage=used)])
    base = {
        "ChargeCategory": "Usage",
        "BilledCost": "0",
        "EffectiveCost": "0.000075",
        "BillingCurrency": "USD",
        "ChargePeriodStart": "2025-10-07T00:00:00Z",
        "ResourceName": "gpt-4o-mini",
        "x_UsageType": "",
    }
    rows = [
        {**base, "ConsumedQuantity": "2000", "ConsumedUnit": "Tokens", "SkuMeter": "", "SkuPriceDetails": json.dumps({"x_TokenDirection": "Input", "x_TokenCacheAction": "Uncached", "x_ModelId": "gpt-4o-mini"}), "EffectiveCost": "0.0003"},
        {**base, "ConsumedQuantity": "1", "ConsumedUnit": "1K Tokens", "SkuMeter": "gpt 4o mini cchd Inp glbl Tokens", "SkuPriceDetails": ""},
        {**base, "ConsumedQuantity": "0.5", "ConsumedUnit": "1000 tokens", "SkuMeter": "gpt 4o mini Outp glbl Tokens", "SkuPriceDetails": "", "EffectiveCost": "0.0003"},
        {**base, "ChargeCategory": "Tax", "ConsumedQuantity": "", "ConsumedUnit": "", "SkuMeter": "", "SkuPriceDetails": ""},
    ]  # fmt: skip
    result = compare(table(rows))
    assert [(one.meter, one.difference) for one in only(result).quantities] == [
        ("input", 0),
        ("cached input", 0),
        ("output", 0),
    ]
    assert only(result).findings == ["exact"]


WRONG = {
    "nothing known": ("a,b\n1,2\n", "a table with the columns a, b is no export that is known"),
    "other JSON": ('{"usage": 1}', "no page of a report"),
    "no JSON": ("{", "it is not JSON"),
    "no buckets": ('{"data": []}', "there is no bucket in it"),
    "a bucket of a week": (
        '{"data": [{"start_time": 1759795200, "end_time": 1760400000, "results": []}]}',
        "data[0]: the bucket is longer than a day",
    ),
    "not by model": (
        '{"data": [{"start_time": 1759795200, "results": [{"object": "organization.usage.completions.result", '
        '"input_tokens": 5, "output_tokens": 1, "model": null}]}]}',
        "data[0].results[0]: the usage is not of a model; ask for group_by=model",
    ),
    "a page that goes on": (
        '{"has_more": true, "data": [{"start_time": 1759795200, "end_time": 1759881600, "results": []}]}',
        "after it there is another page",
    ),
    "a unit that is not said": (
        table(cur_rows("2025-10-07", "NovaLite", {"input-tokens": ("1", "1")}, "widgets")),
        "line 2: the unit `widgets` is not one of",
    ),
    "no number": (
        table(cur_rows("2025-10-07", "NovaLite", {"input-tokens": ("x", "1")})),
        "line 2: line_item_usage_amount is not a number: `x`",
    ),
    "half a token": (
        openai_usage(calls(1)).replace('"input_cached_tokens": 5000', '"input_cached_tokens": 0.5'),
        "input_cached_tokens is not a count: `0.5`",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_file_that_is_wrong_is_refused_with_its_place_and_reason(
    tmp_path: Path, compare: Callable[..., Result], what: str
) -> None:
    text, told = WRONG[what]
    with pytest.raises(ExportError) as found:
        compare(text)
    assert str(found.value).startswith(str(tmp_path))
    assert told in str(found.value)


def test_a_page_is_taken_once_and_pages_that_follow_belong_together(desk: Desk, compare: Callable[..., Result]) -> None:
    hold(desk, [*calls(), *calls(at_s=NOON_S + DAY_S)])
    with pytest.raises(ExportError, match="states again what"):
        compare(openai_usage(calls()), openai_usage(calls()))
    first = json.loads(openai_usage(calls())) | {"has_more": True}
    result = compare(json.dumps(first), openai_usage(calls(at_s=NOON_S + DAY_S)))
    assert [cell.findings for cell in result.cells] == [["exact"], ["exact"]]


def test_only_the_days_that_were_asked_for(desk: Desk, compare: Callable[..., Result]) -> None:
    both = [*calls(), *calls(2, at_s=NOON_S + DAY_S)]
    hold(desk, calls())
    assert compare(openai_usage(both), until=date(2025, 10, 8)).has_drift is False
    assert compare(openai_usage(both), since=date(2025, 10, 8)).has_drift is True
    with pytest.raises(ValueError, match="nothing of these days"):
        compare(openai_usage(both), since=date(2025, 11, 1))


def test_money_in_another_currency_is_not_compared_and_that_is_said(desk: Desk, compare: Callable[..., Result]) -> None:
    hold(desk, calls())
    result = compare(openai_usage(calls()), openai_costs(calls(), rates), currency="EUR")
    assert findings(result) == {MINI: ["exact"]}
    assert result.notes == ["costs are not compared: they are stated in USD, the ledger is in EUR"]
