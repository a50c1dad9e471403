"""The providers' own figures for what a call costs: exact, and only where they can be money."""

import json
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.costs import MOST_USD, reported_nano
from tests.conftest import SHARED

CASES = SHARED / "corpus" / "prices_cases.json"


@pytest.mark.parametrize(
    ("how", "usage", "nano"),
    [
        ("openrouter", '{"cost": 4e-05}', 40_000),
        ("openrouter", '{"cost": 0.0076509169000000005}', 7_650_917),
        ("openrouter", '{"cost": 6e-08, "is_byok": false, "cost_details": {"upstream_inference_cost": 1}}', 60),
        ("openrouter", '{"cost": 0.001, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.02}}', 21_000_000),
        ("openrouter", '{"cost": 0, "is_byok": true, "cost_details": {"upstream_inference_cost": null}}', None),
        ("openrouter", '{"cost": 0}', 0),  # a free model
        ("openrouter", '{"cost": 2.5e-9}', 2),
        ("openrouter", '{"cost": 3.5e-9}', 4),
        ("openrouter", '{"cost": "0.1"}', None),
        ("openrouter", '{"cost": -1}', None),
        ("openrouter", '{"cost": 1e999}', None),
        ("openrouter", '{"cost": 10001}', None),
        # Out of all bounds: of a sum, of a quotient.
        ("openrouter", '{"cost": 9e999999, "is_byok": true, "cost_details": {"upstream_inference_cost": 9e999999}}', None),
        ("xai", '{"cost_in_usd_ticks": 1e99999999}', None),
        ("openrouter", '{"cost": {"total_cost": 1}}', None),
        ("openrouter", '{"cost": null}', None),
        ("openrouter", "{}", None),
        ("openrouter", '{"too_large": 99}', None),
        ("perplexity", '{"cost": {"total_cost": 0.00507, "request_cost": 0.005}}', 5_070_000),
        ("perplexity", '{"cost": {"total_cost": 1.2e-08, "currency": "USD"}}', 12),
        ("perplexity", '{"cost": {"total_cost": 1, "currency": "EUR"}}', None),
        ("perplexity", '{"cost": 1}', None),
        ("xai", '{"cost_in_usd_ticks": 37756000}', 3_775_600),
        ("xai", '{"cost_in_usd_ticks": 15}', 2),
        ("xai", '{"cost_in_usd_ticks": 25}', 2),
        ("xai", '{"cost_in_usd_ticks": 0}', None),
        ("xai", '{"cost": 5}', None),
        ("xai", "[]", None),
    ],
)  # fmt: skip
def test_figures(how: str, usage: str, nano: int | None) -> None:
    assert reported_nano(how, usage.encode()) == nano


@given(st.decimals(min_value=0, max_value=MOST_USD, allow_nan=False, places=14))
def test_no_digit_is_lost_and_the_half_goes_to_the_even(usd: Decimal) -> None:
    found = reported_nano("openrouter", f'{{"cost": {usd:f}}}'.encode())
    assert found == int((usd * 10**9).quantize(Decimal(1), ROUND_HALF_EVEN))


def _how(case: dict[str, Any]) -> str:
    field = case["cost_field"]
    return "xai" if "ticks" in field else "perplexity" if "total_cost" in field else "openrouter"


@pytest.mark.skipif(not CASES.exists(), reason="recorded traffic is not here: ../shared/corpus")
def test_every_recorded_figure_is_read_to_the_nano_dollar() -> None:
    cases = [one for one in json.loads(CASES.read_text()) if one["kind"] == "provider-reported"]
    assert len(cases) > 200
    for case in cases:
        exact = Decimal(case["cost_usd"]) * 10**9
        found = reported_nano(_how(case), json.dumps(case["usage_raw"]).encode())
        assert found == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN)), case
