"""Spending out of the ordinary: what is found and what is not, on made-up months whose anomalies are known."""

import random
from math import exp
from statistics import median_low

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import NANO
from gateway.ledger.alerts.anomalies import WEEK_HOURS, Team, anomalies, judged, sample_hours
from gateway.ledger.alerts.options import AnomalyOptions

OPTIONS = AnomalyOptions()
WEEKS, JUDGED_WEEKS = 17, 8
# Part of a working day's spending by the hour: nights, mornings, noon, afternoons, evenings.
DAY = [0.04] * 6 + [0.1, 0.3, 0.7, 1.0, 1.0, 0.9, 0.75, 0.95, 1.0, 0.95, 0.8, 0.5, 0.3, 0.2, 0.15, 0.1, 0.06, 0.05]
WEEKEND = 0.15

SAMPLES = st.lists(st.lists(st.integers(min_value=0, max_value=10**14), min_size=3, max_size=8), min_size=5, max_size=5)
Hours = dict[int, int]
Incident = tuple[Team, int]


def usual(size: float, hour: int, growth: float) -> float:
    day, week = hour // 24 % 7, hour // WEEK_HOURS
    return size * DAY[hour % 24] * (WEEKEND if day >= 5 else 1.0) * (1 + growth) ** week


def months(seed: int, teams: int = 12) -> tuple[dict[Team, Hours], set[Incident]]:
    """Spending by team and hour, and the hours in which something went wrong: 3 to 12 times the usual for 1 to 4
    hours, some of it at night. Teams differ in size by a factor of 200; they grow by up to 4 % a week, every hour is
    off by a third, and night jobs come and go."""
    draw = random.Random(seed)
    spent: dict[Team, Hours] = {}
    wrong: set[Incident] = set()
    for number in range(teams):
        team = ("acme", f"team-{number}")
        size, growth = 2.0 * 200 ** (number / teams), draw.uniform(0.0, 0.04)
        hours = {hour: usual(size, hour, growth) * exp(draw.gauss(0, 0.33)) for hour in range(WEEKS * WEEK_HOURS)}
        for hour in hours:
            if draw.random() < 0.01:
                hours[hour] *= draw.uniform(1.2, 1.8)  # a busy hour, and nobody's fault
        for _ in range(10):
            start, length, factor = draw.randrange(WEEK_HOURS, len(hours) - 4), draw.randint(1, 4), draw.uniform(3, 12)
            for hour in range(start, start + length):
                hours[hour] *= factor
                wrong.add((team, hour))
        spent[team] = {hour: int(value * NANO) for hour, value in hours.items()}
    return spent, wrong


def told(spent: dict[Team, Hours], options: AnomalyOptions) -> set[Incident]:
    """(team, day) of everything that is told in the last weeks, as the watch tells it: once a day."""
    found: set[Incident] = set()
    for hour in range((WEEKS - JUDGED_WEEKS) * WEEK_HOURS, WEEKS * WEEK_HOURS):
        for event in anomalies(hour, spent, 0, options, "USD"):
            found.add(((event.data["tenant"], event.data["team"]), hour // 24))
    return found


def test_incidents_are_found_and_seasons_are_not(capsys) -> None:
    right = false = missed = quiet_days = 0
    for seed in range(3):
        spent, wrong = months(seed)
        found = told(spent, OPTIONS)
        # What matters: at least twice the least amount above the usual. The rest nobody would have wanted to hear of.
        days = {(team, hour // 24) for team, hour in wrong if hour >= (WEEKS - JUDGED_WEEKS) * WEEK_HOURS}
        dear = {
            (team, hour // 24)
            for team, hour in wrong
            if hour >= (WEEKS - JUDGED_WEEKS) * WEEK_HOURS and spent[team][hour] > 4 * OPTIONS.least_amount * NANO
        }
        right += len(found & days)
        false += len(found - days)
        missed += len(dear - found)
        quiet_days += len(spent) * JUDGED_WEEKS * 7 - len(days)
    precision, recall = right / (right + false), right / (right + missed)
    with capsys.disabled():
        print(
            f"\nanomalies: precision {precision:.1%}, recall {recall:.1%}, {false} false alarms in {quiet_days:,} quiet days of teams"
        )
    assert precision >= 0.95
    assert recall >= 0.8


def test_an_hour_is_compared_with_the_same_hour_of_the_weeks_before() -> None:
    hour = 20 * WEEK_HOURS + 10
    sampled = sample_hours(hour, 0, OPTIONS)
    assert [{(hour - one) % WEEK_HOURS for one in of_hour} for of_hour in sampled] == [{0}, {1}, {167}, {2}, {166}]
    assert all(len(of_hour) == OPTIONS.weeks and max(of_hour) < hour for of_hour in sampled)


def test_a_ledger_that_is_young_knows_nothing_out_of_the_ordinary() -> None:
    hour = 20 * WEEK_HOURS
    assert sample_hours(hour, hour - 2 * WEEK_HOURS, OPTIONS) == []
    assert [len(one) for one in sample_hours(hour, hour - 3 * WEEK_HOURS - 2, OPTIONS)] == [3] * 5


def test_weeks_before_the_ledger_are_unknown_and_not_free() -> None:
    hour, first = 20 * WEEK_HOURS, 16 * WEEK_HOURS
    spent = {("a", "b"): dict.fromkeys(range(first, hour + 1), 100 * NANO)}
    assert anomalies(hour, spent, first, OPTIONS, "USD") == []


def test_one_bad_week_does_not_become_the_usual() -> None:
    samples = [[10 * NANO] * 7 + [500 * NANO]] * 5
    found = judged(100 * NANO, samples, OPTIONS)
    assert found is not None
    assert abs(found.usual_nano - 10 * NANO) < NANO


def test_a_team_that_never_spent_anything_is_told_of_if_it_is_enough() -> None:
    assert judged(4 * NANO, [[0] * 8] * 5, OPTIONS) is None
    assert judged(100 * NANO, [[0] * 8] * 5, OPTIONS) is not None


def test_a_day_is_told_once_a_team() -> None:
    spent = {("a", "b"): dict.fromkeys((3360, 3361), 200 * NANO)}
    one, two = (anomalies(hour, spent, 0, OPTIONS, "USD")[0] for hour in (3360, 3361))
    assert one.key == two.key
    assert one.data["hour"] != two.data["hour"]


@given(
    st.integers(min_value=0, max_value=10**15),
    SAMPLES,
    st.integers(min_value=0, max_value=10**12),
)
def test_more_is_never_less_out_of_the_ordinary(nano: int, samples: list[list[int]], more: int) -> None:
    less = judged(nano, samples, OPTIONS)
    if less is not None:
        found = judged(nano + more, samples, OPTIONS)
        assert found is not None
        assert found.score >= less.score


@given(SAMPLES)
def test_what_was_usual_is_never_told(samples: list[list[int]]) -> None:
    """Of an even number of hours the usual one is the lower of the two in the middle, or between them."""
    assert judged(median_low(samples[0]), samples, msgspec.structs.replace(OPTIONS, least_score=0.01)) is None
