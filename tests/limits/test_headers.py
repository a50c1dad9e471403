"""What callers are told of their quotas."""

from collections.abc import Sequence

import pytest

from gateway.limits.bounds import Level, Span, tightest
from gateway.limits.headers import duration, moment, put_quotas, scope_text, warning
from tests.limits.making import bound

NOW_S = 1_800_000_000.0  # 2027-01-15T08:00:00Z
LEVELS = [
    Level(bound(100), 40, 90.0),
    Level(bound(1000, Span("calendar", "day")), 990, 57_600.0),
    Level(bound(5000, dimension="tokens"), 6000, 12.3),
    Level(bound(700, dimension="input_tokens"), 0, 60.0),
    Level(bound(2_500_000_000, Span("calendar", "month"), dimension="cost"), 1_000_000_000, 1_440_000.0),
]


def quota_headers(levels: Sequence[Level], dialect: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    put_quotas(headers, tightest(levels).__getitem__, dialect, NOW_S)
    return headers


def test_openai_clients_read_durations_of_the_bound_that_has_least_left() -> None:
    assert quota_headers(LEVELS, "openai") == {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "10",
        "x-ratelimit-reset-requests": "16h0m0s",
        "x-ratelimit-limit-tokens": "5000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "12s",
        "x-gateway-budget-limit": "2.500000000",
        "x-gateway-budget-remaining": "1.500000000",
        "x-gateway-budget-reset": "2027-02-01T00:00:00Z",
    }


def test_anthropic_clients_read_moments_with_input_and_output_apart() -> None:
    assert quota_headers(LEVELS[:4], "anthropic") == {
        "anthropic-ratelimit-requests-limit": "1000",
        "anthropic-ratelimit-requests-remaining": "10",
        "anthropic-ratelimit-requests-reset": "2027-01-16T00:00:00Z",
        "anthropic-ratelimit-tokens-limit": "5000",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:12Z",
        "anthropic-ratelimit-input-tokens-limit": "700",
        "anthropic-ratelimit-input-tokens-remaining": "700",
        "anthropic-ratelimit-input-tokens-reset": "2027-01-15T08:01:00Z",
    }


def test_no_limit_no_header() -> None:
    assert quota_headers([], "openai") == quota_headers([], "anthropic") == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0ms"), (0.0124, "12ms"), (1.0, "1s"), (59.6, "1m0s"), (61.0, "1m1s"), (3723.0, "1h2m3s"), (-5.0, "0ms")],
)
def test_durations_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_moment_is_told_to_the_second() -> None:
    assert moment(NOW_S + 0.001) == moment(NOW_S - 0.001) == "2027-01-15T08:00:00Z"


def test_scopes_and_warnings_in_words() -> None:
    soft = bound(2_500_000_000, Span("calendar", "month"), dimension="cost", limit_id="soft")
    assert warning([soft, bound(5)], "USD") == (
        "limit soft exceeded: 2.500000000 USD per month; limit a exceeded: 5 requests per minute"
    )
    assert scope_text(soft) == "everybody"
    assert scope_text(bound(1, scope=(("team", "bank/loans"), ("user", "")))) == "team bank/loans, user (none)"
