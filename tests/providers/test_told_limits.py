"""What upstreams' headers say of their limits: as they were recorded, and as they should not be."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.pacing.lane import Lane
from gateway.providers.pacing.meters import INPUT, MAX_HOLD_S, OUTPUT, REQUESTS, TOKENS, Reading
from gateway.providers.pacing.told import Headers, read_told, retry_after_s
from tests.conftest import SHARED

WALL = 1_764_000_000.0
CORPUS = SHARED / "corpus" / "exchanges.jsonl.gz"


def headers(**named: str) -> Headers:
    return [(name.replace("_", "-"), value) for name, value in named.items()]


SAID: dict[str, tuple[Headers, list[Reading]]] = {
    "openai, used up": (
        headers(
            x_ratelimit_limit_requests="500", x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="1m0.12s",
            x_ratelimit_limit_tokens="200000", x_ratelimit_remaining_tokens="5", x_ratelimit_reset_tokens="980ms",
        ),
        [Reading(REQUESTS, 0, 500, 60.12), Reading(TOKENS, 5, 200_000, 0.98)],
    ),
    "openai, with room: when it is full does not matter": (
        headers(x_ratelimit_limit_requests="500", x_ratelimit_remaining_requests="499", x_ratelimit_reset_requests="1ms"),
        [Reading(REQUESTS, 499, 500)],
    ),
    "azure, without limits": (headers(x_ratelimit_remaining_tokens="119952"), [Reading(TOKENS, 119_952)]),
    "mistral": (
        headers(
            x_ratelimit_limit_req_10_second="60", x_ratelimit_remaining_req_10_second="50",
            x_ratelimit_limit_tokens_month="2000", x_ratelimit_remaining_tokens_month="1999",
            x_ratelimit_tokens_query_cost="10",
        ),
        [Reading(REQUESTS, 50, 60, None, 10.0), Reading(TOKENS, 1_999, 2_000, None, 2_592_000.0)],
    ),
    "cerebras": (
        headers(
            x_ratelimit_limit_requests_day="1000", x_ratelimit_remaining_requests_day="1",
            x_ratelimit_reset_requests_day="33011.38",
        ),
        [Reading(REQUESTS, 1, 1_000, 33_011.38, 86_400.0)],
    ),
    "openrouter": (
        headers(
            x_ratelimit_limit="20", x_ratelimit_remaining="0", x_ratelimit_reset=str(round(WALL * 1000) + 15_000)
        ),
        [Reading(REQUESTS, 0, 20, 15.0)],
    ),
    "anthropic, by the upstream's own clock": (
        headers(
            date="Sat, 15 Nov 2025 00:56:36 GMT",
            anthropic_ratelimit_requests_limit="50", anthropic_ratelimit_requests_remaining="49",
            anthropic_ratelimit_requests_reset="2025-11-15T00:56:37Z",
            anthropic_ratelimit_input_tokens_limit="40000", anthropic_ratelimit_input_tokens_remaining="1000",
            anthropic_ratelimit_input_tokens_reset="2025-11-15T00:57:34Z",
            anthropic_ratelimit_output_tokens_limit="8000", anthropic_ratelimit_output_tokens_remaining="8000",
            anthropic_ratelimit_output_tokens_reset="2025-11-15T00:56:36Z",
        ),
        [Reading(REQUESTS, 49, 50), Reading(INPUT, 1_000, 40_000, 58.0), Reading(OUTPUT, 8_000, 8_000)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("which", SAID)
def test_each_upstreams_words(which: str) -> None:
    said, readings = SAID[which]
    assert read_told(said, WALL) == readings


@pytest.mark.parametrize(
    ("limit", "remaining"),
    [("5", "6"), ("-1", "0"), ("x", "0"), ("nan", "1"), ("1e300", "1"), ("0", "0"), ("9" * 40, "1")],
)
def test_nonsense_counts_as_not_said(limit: str, remaining: str) -> None:
    assert read_told(headers(x_ratelimit_limit_requests=limit, x_ratelimit_remaining_requests=remaining), WALL) == []


@given(
    st.lists(st.tuples(st.sampled_from([name for said, _ in SAID.values() for name, _ in said]), st.text(max_size=30)))
)
def test_whatever_an_upstream_says_is_no_error_and_within_bounds(said: list[tuple[str, str]]) -> None:
    for reading in read_told(said, WALL):
        assert 0 <= reading.remaining <= 1e13
        assert reading.limit is None or reading.limit >= max(1, reading.remaining)
        assert reading.reset_s is None or reading.reset_s >= 0
    after = retry_after_s(said, WALL)
    assert after is None or after > 0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (headers(retry_after="20"), 20.0),
        (headers(retry_after="1", retry_after_ms="250"), 0.25),
        (headers(retry_after="1", retry_after_ms="0"), 1.0),
        (headers(retry_after="Mon, 24 Nov 2025 16:00:05 GMT"), 5.0),
        (headers(retry_after="Mon, 24 Nov 2005 16:00:05 GMT"), None),
        (headers(retry_after="soon"), None),
        (headers(retry_after="-3"), None),
        ([], None),
    ],
)
def test_retry_after(said: Headers, seconds: float | None) -> None:
    assert retry_after_s(said, WALL) == seconds


@pytest.mark.skipif(not CORPUS.exists(), reason="the recorded corpus is not here")
def test_every_recorded_answer_that_names_limits_is_understood() -> None:
    """Whoever sends a limit with what is left of it is read, and what is read lies within the limit."""
    understood: dict[str, int] = {}
    with gzip.open(CORPUS) as lines:
        exchanges: list[dict[str, Any]] = [json.loads(line) for line in lines]
    for exchange in exchanges:
        recorded = (exchange.get("response") or {}).get("headers") or {}
        said = [(name.lower(), str(value)) for name, value in recorded.items()]
        told = read_told(said, WALL)
        if any("ratelimit" in name and "remaining" in name for name, _ in said):
            assert told, (exchange["id"], said)
            understood[exchange["provider"]] = understood.get(exchange["provider"], 0) + 1
        else:
            assert told == []
    assert {"openai", "anthropic", "azure", "groq", "mistral", "openrouter", "xai"} <= set(understood)


@pytest.mark.parametrize(
    "said",
    [
        headers(x_ratelimit_remaining_tokens_0_minute="1", x_ratelimit_limit_tokens_0_minute="10"),
        headers(
            x_ratelimit_remaining_requests="0",
            x_ratelimit_limit_requests="10",
            x_ratelimit_reset_requests="9" * 400 + "h",
        ),
        headers(x_ratelimit_remaining_requests="0", x_ratelimit_limit_requests="5e-324"),
    ],
    ids=["a period of no time", "a reset that never comes", "a limit of next to nothing"],
)
def test_no_limit_that_an_upstream_makes_up_stops_its_calls_with_an_error(said: Headers) -> None:
    lane, amounts = Lane(), (1.0, 20.0, 10.0, 10.0)
    lane.hear(lane.leave(amounts, 0.0), read_told(said, WALL), 1.0)
    for second in range(20):
        assert 0 <= lane.wait_s(amounts, 2.0 + second) <= MAX_HOLD_S
        lane.leave(amounts, 2.0 + second)
