"""What shots add up to, the tables, and one run from end to end; never how fast anything was."""

import json
import math
from pathlib import Path

import pytest

from gateway.router.loading import read_routes
from tests.fleet.bars import bars
from tests.fleet.features import CONTROL, FEATURES, SPARE, SUBJECT, routes_file, routes_of
from tests.fleet.figures import Window, back_after, percentile, series, window
from tests.fleet.load import Shot
from tests.fleet.modes import MODES
from tests.fleet.report import line, wrong
from tests.fleet.running import Effort, Outcome, Run
from tests.fleet.scenarios import SCENARIOS


def shot(sent_s: float, took_s: float = 0.03, wrong: str = "", group: str = "subject") -> Shot:
    return Shot(group, sent_s, took_s, wrong, 0.0)


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (50, 99, 7)
    assert math.isnan(percentile([], 0.5))


def test_a_window_is_of_one_group_and_one_span_and_times_right_answers_only() -> None:
    shots = [shot(0.5), shot(1.0, 0.02), shot(1.5, 9.0, "status 500"), shot(2.0), shot(1.2, group="control")]
    found = window(shots, "subject", 1.0, 2.0)
    assert (found.calls, found.right, found.success, found.p99_s) == (2, 1, 0.5, 0.02)
    assert found.wrong == {"status 500": 1}
    assert [one.calls for one in series(shots, "subject", 2.5)] == [1, 2, 1]


def test_full_speed_is_some_windows_in_a_row_without_a_slow_or_a_wrong_one() -> None:
    well = [shot(at / 20) for at in range(200)]
    assert back_after(well, "subject", 2.0, 10.0, 0.03) == 0
    slow = [*well, *(shot(2.6, 1.0) for _ in range(9))]
    assert back_after(slow, "subject", 2.0, 10.0, 0.03) == 0.75
    late = [*well, shot(4.0, 5.0, "no answer in time")]
    assert back_after(late, "subject", 3.3, 10.0, 0.03) == 0.75
    assert back_after(late, "subject", 3.0, 10.0, 0.03) == 0
    assert back_after([shot(at / 20, wrong="x") for at in range(200)], "subject", 2.0, 10.0, 0.03) == math.inf


def test_scenarios_name_upstreams_modes_and_features_that_there_are() -> None:
    for scenario in SCENARIOS.values():
        assert set(scenario.broken) <= {*SUBJECT, SPARE}
        assert set(scenario.broken.values()) <= set(MODES)
        assert set(scenario.only) <= set(FEATURES)
        assert scenario.bars.back_s is None or scenario.after > 0


def test_subject_and_control_are_routed_alike() -> None:
    spread = routes_of(FEATURES["straight"], "subject", SUBJECT)
    assert spread == {f"subject-{name}": [f"{name}/fleet-model"] for name in SUBJECT}
    told = FEATURES["everything"]
    routes = {**routes_of(told, "subject", SUBJECT), **routes_of(told, "control", CONTROL)}
    file = routes_file(told, routes, ("subject",), fall_back=True)
    mirrors = file["routes"]["subject"].pop("mirrors")
    assert mirrors[0]["model"] == "spare"
    assert file["routes"]["subject"] == file["routes"]["control"] == {**told.route, "fallbacks": {"any": ["spare"]}}


@pytest.mark.parametrize("name", FEATURES)
def test_the_gateway_takes_the_routes(name: str, tmp_path: Path) -> None:
    told = FEATURES[name]
    routes = routes_of(told, "subject", SUBJECT)
    file = tmp_path / "routes.yaml"
    file.write_text(json.dumps(routes_file(told, routes, tuple(routes), fall_back=True)))
    assert set(read_routes(file).rules) == set(routes)


def outcome(**fields: object) -> Outcome:
    seen = Window(calls=1000, right=999, p50_s=0.03, p99_s=0.04, wrong={"status 500": 1})
    usual: dict[str, object] = {
        "scenario": "s", "features": "everything", "broken": seen, "control": seen, "p50_ratio": 1.0,
        "p99_ratio": 1.5, "settled_p99_ratio": 1.0, "load": 1.2, "load_after": None, "most_s": 0.1, "attempts": 0.0, "roles": {}, "spare": 0.99, "most_asked": 2, "back_s": 5.0, "cost": 1.0,
        "bill": 1.0, "cpu_us": 200.0, "lag_p99_s": 0.0, "lag_most_s": 0.0, "load_average": 1.0, "per_s": [],
    }  # fmt: skip
    return Outcome(**{**usual, **fields})  # type: ignore[arg-type]


def test_bars_are_kept_up_to_their_figures_and_asked_of_everything_only() -> None:
    dead, outage = SCENARIOS["dead_failing"], SCENARIOS["outage_failing"]
    assert [bar.kept for bar in bars(outcome(), dead)] == [True, True]
    assert [bar.kept for bar in bars(outcome(p99_ratio=1.51), dead)] == [True, False]
    assert [bar.kept for bar in bars(outcome(p99_ratio=math.nan), dead)] == [True, False]
    assert [bar.kept for bar in bars(outcome(), outage)] == [True, True]
    assert [bar.kept for bar in bars(outcome(load=1.21, back_s=math.inf), outage)] == [False, False]
    assert [bar.kept for bar in bars(outcome(spare=0.98), SCENARIOS["shadow"])] == [True, True, False]
    assert [bar.kept for bar in bars(outcome(load=0.1, load_after=1.3), outage)] == [False, True]
    assert bars(outcome(features="retries", p99_ratio=9.0), dead) == []
    assert "99.90%" in line(outcome())
    assert wrong(outcome().broken) == "1 × status 500"


async def test_one_run_from_end_to_end(tmp_path: Path) -> None:
    """Callers with one target each: of three the one whose target fails gets errors, and nobody else."""
    effort = Effort(seconds=1.0, rate_per_s=60.0)
    found = await Run("dead_failing", SCENARIOS["dead_failing"], "straight", effort, tmp_path).outcome()
    assert set(found.broken.wrong) == {"status 500"}
    assert found.control.wrong == {}
    # Where this process came late, so did the break.
    assert 0.5 < found.broken.success < 0.8 + found.lag_most_s / effort.seconds / 3
    assert found.most_asked == 1
    assert found.cost > 0
    assert found.bill == pytest.approx(1.0)


@pytest.mark.parametrize("dead", ["dead_failing", "dead_refusing"])
async def test_with_everything_no_caller_notices_that_one_of_three_is_dead(tmp_path: Path, dead: str) -> None:
    effort = Effort(seconds=1.0, rate_per_s=60.0)
    found = await Run(dead, SCENARIOS[dead], "everything", effort, tmp_path).outcome()
    assert (found.broken.wrong, found.control.wrong) == ({}, {})
    assert found.most_asked <= 3, "no call may be attempted more often"
    assert found.bill >= 1.0, "answers, and what rivals that lost had made by then"
