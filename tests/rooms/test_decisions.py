"""The pure decisions: access, prices, an engine's life. Properties against naive interpreters."""

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.loading import read_access
from gateway.catalogue.prices import Priced, read_prices
from gateway.core.globs import compile_globs
from gateway.core.money import decimal_text, nano_from_decimal, round_half_even
from gateway.core.usage import METERS, Usage
from gateway.core.wiring import Wiring
from gateway.modelhost.life import STATES, TRANSITIONS, Event, next_state, restart_delay
from gateway.stores.documents import DocumentError

# Patterns


@given(st.text(alphabet="ab*?[]!.\\-", max_size=6), st.text(alphabet="ab[]!.\\-\n", max_size=6))
def test_only_two_wildcards_exist(glob: str, word: str) -> None:
    pattern = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in glob)
    assert compile_globs((glob,))(word) == bool(re.fullmatch(pattern, word, re.DOTALL))


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    began = time.thread_time()
    assert not compile_globs(("*a" * 40,))("a" * 39 + "b" * 160)
    assert not compile_globs(("*a*" * 40 + "c",))("ab" * 100)
    assert time.thread_time() - began < 0.5


# Money and prices


@given(st.integers(0, 10**20), st.integers(1, 10**10))
def test_rounding_is_half_to_even(numerator: int, denominator: int) -> None:
    assert round_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(-(10**18), 10**18))
def test_amounts_as_text_are_exact(nano: int) -> None:
    assert Decimal(decimal_text(nano)) * 10**9 == nano
    assert nano_from_decimal(Decimal(decimal_text(nano))) == nano


PRICES = """
currency: USD
prices:
  - {id: old, provider: p, models: ["m*"], from: 2024-01-01, per_million_tokens: {input: 0.15, cached_input: 0.075, output: 0.6}}
  - {id: new, provider: p, models: ["m*"], from: 2025-01-01, per_million_tokens: {input: 0.10, output: 0.4}}
  - {id: special, provider: p, models: [m-special], from: 2024-01-01, per_million_tokens: {input: 7}}
  - {id: units, provider: p, models: [u], from: 2024-01-01, per_unit: {image: 0.04, audio_minute: 0.006, million_characters: 15, thousand_search_units: 2, request: 0.001}}
  - {id: wide, provider: p, models: ["x*", "another-much-longer-pattern*"], from: 2024-01-01, per_million_tokens: {input: 1}}
  - {id: narrow, provider: p, models: ["x-large*"], from: 2024-01-01, per_million_tokens: {input: 40}}
  - {id: free, provider: p, models: [free], from: 2024-01-01, per_million_tokens: {input: 0, output: 0}}
"""


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def book_file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES)
    return path


@pytest.mark.parametrize(
    ("model", "usage", "day", "nano", "entry"),
    [
        ("mini", Usage(input_tokens=1_000_000), "2024-06-01", 150_000_000, "old"),
        ("mini", Usage(input_tokens=1_000_000), "2025-01-01", 100_000_000, "new"),
        ("mini", Usage(input_tokens=1_000_000), "2024-12-31", 150_000_000, "old"),
        ("mini", Usage(cached_input_tokens=3), "2024-06-01", 225, "old"),
        ("mini", Usage(cached_input_tokens=3), "2025-06-01", 300, "new"),
        ("mini", Usage(output_tokens=1, reasoning_tokens=1), "2025-06-01", 800, "new"),
        ("m-special", Usage(input_tokens=1), "2025-06-01", 7000, "special"),
        ("m-special", Usage(input_tokens=1, output_tokens=1), "2025-06-01", None, "special"),
        ("u", Usage(images=2), "2025-06-01", 81_000_000, "units"),
        ("u", Usage(audio_ms=30_000), "2025-06-01", 4_000_000, "units"),
        ("u", Usage(characters=1000, search_units=1), "2025-06-01", 18_000_000, "units"),
        ("x-large-1", Usage(input_tokens=1), "2025-06-01", 40_000, "narrow"),
        ("x-small", Usage(input_tokens=1), "2025-06-01", 1000, "wide"),
        ("free", Usage(input_tokens=5), "2025-06-01", 0, "free"),
        ("unknown", Usage(input_tokens=5), "2025-06-01", None, ""),
        ("mini", Usage(input_tokens=5), "2023-06-01", None, ""),
    ],
)
def test_what_a_usage_costs(book_file: Path, model: str, usage: Usage, day: str, nano: int | None, entry: str) -> None:
    costed = read_prices(book_file).charges(Priced(provider="p", model=model, usage=usage, at_s=at(day)))
    assert costed.nano == nano
    assert costed.price_version.partition("/")[2] == entry
    assert bool(costed.unpriced) == (nano is None)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_cost_is_rounded_once(into: int, cached: int, out: int) -> None:
    wiring = Wiring(providers=frozenset({"hosted"}), price_providers={"hosted": "openai"})
    book = read_prices(Path(__file__).parents[2] / "policies" / "prices.yaml", wiring)
    usage = Usage(input_tokens=into, cached_input_tokens=cached, output_tokens=out)
    costed = book.charges(Priced(provider="hosted", model="gpt-4o-mini", usage=usage, at_s=at("2026-01-01")))
    assert costed.nano == round(Fraction(into * 150 + cached * 75 + out * 600))


def test_every_meter_can_be_priced_or_is_refused(book_file: Path) -> None:
    book = read_prices(book_file)
    for meter in METERS:
        usage = Usage(**{meter: 1})
        costed = book.charges(Priced(provider="p", model="m-special", usage=usage, at_s=at("2025-06-01")))
        like_input = meter.endswith("_tokens") and not meter.startswith(("output", "reasoning", "cache_write_1h"))
        assert (costed.nano is not None) == like_input


MISTAKES = {
    "prices": ("prices.yaml", read_prices, [
        ("currency: USD\nprices:\n  - {id: a, provider: p, models: [m], from: 2024-01-01, per_million_tokens: {input: 0.0000000001}}\n", "finer than"),
        ("currency: USD\nprices:\n  - {id: a, provider: p, models: [], from: 2024-01-01}\n", "matches nothing"),
        ("currency: USD\nprices:\n  - {id: a, provider: p, models: [m], from: 2024-01-01, until: 2023-01-01}\n", "after"),
        ("currency: USD\nprices:\n  - {id: a, provider: p, models: [m], from: 2024-01-01}\n  - {id: b, provider: p, models: [m], from: 2024-01-01}\n", "same day"),
    ]),
    "access": ("access.yaml", read_access, [
        ("rules: [{id: a, effect: allow, owner: o, reason: r, models: []}]\n", "matches nothing"),
        ("rules: [{id: a, effect: allow, owner: o, reason: r}, {id: a, effect: deny, owner: o, reason: r}]\n", "twice"),
        ("rules: [{id: a, effect: permit, owner: o, reason: r}]\n", "permit"),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("room", MISTAKES)
def test_mistakes_are_named_with_their_line(room: str, tmp_path: Path) -> None:
    name, read, cases = MISTAKES[room]
    for text, says in cases:
        (tmp_path / name).write_text(text)
        with pytest.raises(DocumentError, match=says) as raised:
            read(tmp_path / name)  # type: ignore[operator]
        assert raised.value.line >= 1


# An engine's life


def test_the_table_holds_known_words_only_and_every_engine_can_be_stopped() -> None:
    for (state, _event), after in TRANSITIONS.items():
        assert state in STATES
        assert after in STATES
    for state in STATES:
        now = next_state(state, "stop")  # type: ignore[arg-type]
        assert next_state(now, "died") == "stopped"


EVENTS: tuple[Event, ...] = ("started", "answered", "silent", "died", "time_over", "ended_late", "cannot_start", "stop")


@given(st.lists(st.sampled_from(EVENTS)))
def test_no_events_leave_the_table_and_stopped_is_the_end(events: list[Event]) -> None:
    state = "waiting"
    for event in events:
        before, state = state, next_state(state, event)  # type: ignore[arg-type]
        assert state in STATES
        assert before != "stopped" or state == "stopped"


@given(st.integers(1, 500), st.floats(0, 1))
def test_restarts_back_off_within_bounds(deaths: int, die: float) -> None:
    delay = restart_delay(deaths, 0.5, 30.0, die)
    full = min(30.0, 0.5 * 2 ** (min(deaths, 40) - 1))
    assert full / 2 <= delay <= full
    assert restart_delay(0, 0.5, 30.0, die) == 0
