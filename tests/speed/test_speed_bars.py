"""What is kept of a run, what is asked of it, and how it is shown."""

from typing import Any

import msgspec
import pytest

from tests.speed.bars import bars
from tests.speed.driving import Sample
from tests.speed.figures import Figures, Memory, summarise
from tests.speed.gateway_contestant import Evidence, sum_of_counter
from tests.speed.report import table
from tests.speed.rounds import Outcome
from tests.speed.scenarios import SCENARIOS

EVIDENCE = Evidence(records=1000, unpriced=0, log_lines=1000, spans=100, requests_in_metrics=1000)
COMPLETE, ON, REQUESTS, EVENTS, TRANSLATED, TRANSLATED_EVENTS, FLOWS, MEMORY, COLD, GUARDED = range(10)


def sample(**given: Any) -> Sample:
    usual = Sample(
        answers=100,
        wrong={},
        requests_per_s=4_000,
        p50_us=500,
        p99_us=900,
        cpu_us_per_request=150,
        cpu_us_per_event=15,
        busy=0.99,
    )
    return msgspec.structs.replace(usual, **given)


def figures(name: str, load: dict[str, Any] | None = None, **given: Any) -> Figures:
    summary = summarise([sample(**(load or {}))], None)
    usual = Figures(
        name=name,
        loads={scenario.name: summary for scenario in SCENARIOS},
        first_event_us=100,
        gated_streams=10,
        held_back=0,
        cold_start_s=0.5,
        idle=Memory(40, (70,)),
        loaded=Memory(50, (90,)),
    )
    return msgspec.structs.replace(usual, **given)


BARE = figures("bare", {"cpu_us_per_request": 75, "cpu_us_per_event": 8})


TRANSLATING, GUARDING = figures("translating"), figures("guarded")


def outcome(
    gateway: Figures,
    evidence: Evidence | None = EVIDENCE,
    translating: Figures = TRANSLATING,
    guarded: Figures | None = GUARDING,
) -> Outcome:
    direct = figures("direct", {"cpu_us_per_request": None, "cpu_us_per_event": None, "busy": None}, idle=None)
    present = (direct, gateway, BARE, translating, *(() if guarded is None else (guarded,)))
    return Outcome({one.name: one for one in present}, 500, evidence)


def missed(found: Outcome) -> list[int]:
    return [number for number, bar in enumerate(bars(found)) if not bar.passed]


def test_a_gateway_within_all_bounds_passes() -> None:
    assert missed(outcome(figures("gateway"))) == []


@pytest.mark.parametrize(
    ("gateway", "bar"),
    [
        (figures("gateway", {"wrong": {"status 500": 1}}), COMPLETE),
        (figures("gateway", {"cpu_us_per_request": 75 * 2.21}), REQUESTS),
        (figures("gateway", {"cpu_us_per_event": 8 * 2.01}), EVENTS),
        (figures("gateway", held_back=1), FLOWS),
        (figures("gateway", gated_streams=0), FLOWS),
        (figures("gateway", loaded=Memory(50, (90, 121))), MEMORY),
        (figures("gateway", idle=None, loaded=None), MEMORY),
        (figures("gateway", cold_start_s=1.51), COLD),
        (figures("gateway", cold_start_s=None), COLD),
    ],
)
def test_each_bound_is_kept_by_itself(gateway: Figures, bar: int) -> None:
    assert missed(outcome(gateway)) == [bar]


@pytest.mark.parametrize(
    ("translating", "bar"),
    [
        (figures("translating", {"wrong": {"status 500": 1}}), COMPLETE),
        (figures("translating", {"requests_per_s": 1_499}), TRANSLATED),
        (figures("translating", {"cpu_us_per_event": 25.1}), TRANSLATED_EVENTS),
        (figures("translating", {"cpu_us_per_event": None}), TRANSLATED_EVENTS),
        (figures("translating", held_back=1), FLOWS),
    ],
)
def test_so_is_each_of_translating(translating: Figures, bar: int) -> None:
    assert missed(outcome(figures("gateway"), translating=translating)) == [bar]


@pytest.mark.parametrize(
    ("load", "missing"),
    [
        ({"wrong": {"status 500": 1}}, [COMPLETE]),
        ({"cpu_us_per_request": 75 * 2.21}, [GUARDED]),
        ({"cpu_us_per_request": 190, "requests_per_s": 5_000}, []),
    ],
)
def test_the_bound_on_requests_holds_with_guards_and_a_cache_as_well(load: dict[str, Any], missing: list[int]) -> None:
    assert missed(outcome(figures("gateway"), guarded=figures("guarded", load))) == missing


def test_without_the_extra_nothing_is_asked_of_guards() -> None:
    assert missed(outcome(figures("gateway"), guarded=None)) == []


def test_requests_per_second_count_where_the_ratio_is_missed() -> None:
    assert missed(outcome(figures("gateway", {"cpu_us_per_request": 190, "requests_per_s": 5_000}))) == []


@pytest.mark.parametrize(
    "evidence",
    [
        None,
        msgspec.structs.replace(EVIDENCE, records=499),
        msgspec.structs.replace(EVIDENCE, log_lines=499),
        msgspec.structs.replace(EVIDENCE, requests_in_metrics=499),
        msgspec.structs.replace(EVIDENCE, unpriced=1),
        msgspec.structs.replace(EVIDENCE, spans=0),
    ],
)
def test_a_gateway_with_something_switched_off_does_not_pass(evidence: Evidence | None) -> None:
    assert missed(outcome(figures("gateway"), evidence)) == [ON]


def test_what_is_added_is_taken_within_each_round() -> None:
    mine = [sample(p50_us=500), sample(p50_us=900), sample(p50_us=510)]
    direct = [sample(p50_us=100), sample(p50_us=500), sample(p50_us=100)]
    assert summarise(mine, direct).added_p50_us == 400
    assert summarise(mine, direct).p50_us == 510
    assert summarise(mine, None).added_p50_us is None


def test_the_table_shows_ratios_to_the_bare_proxy_and_what_was_wrong() -> None:
    text = table(outcome(figures("gateway", {"wrong": {"status 500": 1}})))
    assert "150.0 (2.00×)" in text
    assert "75.0 (1.00×)" in text
    assert "status 500" in text


def test_a_counter_is_the_sum_of_its_series() -> None:
    text = '# TYPE a_total counter\na_total{x="1"} 2.0\na_total{x="2"} 3.0\na_total_created{x="1"} 9\nb_total 4.0\n'
    assert (sum_of_counter(text, "a_total"), sum_of_counter(text, "b_total")) == (5, 4)
