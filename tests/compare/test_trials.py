"""A candidate against a baseline while traffic flows: what is decided, when, and by which metric."""

import random
from collections.abc import Sequence

import msgspec
import pytest

from gateway.compare.statistics.betting import BoundedMean
from gateway.compare.statistics.errors import BadArgument, NotEstimable
from gateway.compare.statistics.trials import MOST_WAITING, Action, Metric, Trial, TrialState

QUALITY = Metric("quality", role="primary", margin=0.05)
ERRORS = Metric("errors", higher_is_better=False, margin=0.02)
METRICS = (QUALITY, ERRORS)


def run(metric: str, candidate: float, baseline: float, calls: int, metrics: Sequence[Metric] = METRICS) -> Trial:
    """Passes (or errors) at these rates, in pairs."""
    rng, trial = random.Random(1), Trial(metrics)
    for _ in range(calls):
        trial.observe_pair(metric, float(rng.random() < candidate), float(rng.random() < baseline))
    return trial


@pytest.mark.parametrize(
    ("metric", "candidate", "baseline", "calls", "action"),
    [
        ("quality", 0.9, 0.7, 300, "stop_for_benefit"),
        ("quality", 0.7, 0.9, 300, "stop_for_harm"),
        ("quality", 0.9, 0.9, 8_000, "stop_as_equivalent"),
        ("quality", 0.9, 0.88, 50, "continue"),
        ("errors", 0.25, 0.02, 300, "stop_for_harm"),
        # Fewer errors are no reason to stop: that is not what the trial is for.
        ("errors", 0.02, 0.25, 300, "continue"),
        ("errors", 0.03, 0.02, 3_000, "continue"),
    ],
)
def test_decisions(metric: str, candidate: float, baseline: float, calls: int, action: Action) -> None:
    found = run(metric, candidate, baseline, calls).decision()
    assert (found.action, found.metric) == (action, metric if action != "continue" else "quality")


def test_harm_to_a_guard_outweighs_benefit() -> None:
    trial = run("quality", 0.9, 0.6, 400)
    assert trial.decision().action == "stop_for_benefit"
    for _ in range(60):
        trial.observe_pair("errors", 1.0, 0.0)
    assert (trial.decision().action, trial.decision().metric) == ("stop_for_harm", "errors")


def test_a_primary_metric_of_which_less_is_better() -> None:
    cost = Metric("cost", bounds=(0.0, 10.0), role="primary", higher_is_better=False)
    trial = Trial([cost])
    rng = random.Random(2)
    for _ in range(300):
        trial.observe_pair("cost", 6.0 * rng.random(), 10.0 * rng.random())
    assert trial.decision().action == "stop_for_benefit"
    assert trial.reading("cost").high < 0.0
    for _ in range(900):
        trial.observe_pair("cost", 10.0 * rng.random(), 6.0 * rng.random())
    assert trial.decision().action == "stop_for_harm"


def test_a_decision_is_what_the_limits_say() -> None:
    """The sequence of differences alone, with one half of alpha on either side."""
    rng, sequence, trial = random.Random(3), BoundedMean((-1.0, 1.0)), Trial([Metric("quality", role="primary")])
    for _ in range(250):
        candidate, baseline = float(rng.random() < 0.85), float(rng.random() < 0.7)
        sequence.observe(candidate - baseline)
        trial.observe_pair("quality", candidate, baseline)
        assert (trial.decision().action == "stop_for_benefit") is (sequence.limit("above", 0.025) > 0.0)
    assert trial.reading("quality") == sequence.reading(0.95)


def test_claims_of_harm_share_what_may_go_wrong() -> None:
    """Three metrics: each has a third of the half, so that it takes three times the evidence."""
    guards = [Metric(name, higher_is_better=False) for name in ("errors", "delays")]
    trial, sequence = Trial([QUALITY, *guards]), BoundedMean((-1.0, 1.0))
    while trial.decision().action == "continue":
        trial.observe_pair("errors", 1.0, 0.0)
        before = sequence.evidence("above", 0.0)
        sequence.observe(1.0)
    assert before < 3.0 / 0.025 <= sequence.evidence("above", 0.0)
    assert before > 1.0 / 0.025


def test_a_canary_is_set_against_as_much_of_the_baseline_as_there_is() -> None:
    trial = Trial([QUALITY], per_candidate=3)
    for value in (1.0, 0.0, 1.0):
        trial.observe("quality", "baseline", value)
    with pytest.raises(NotEstimable):
        trial.reading("quality")
    trial.observe("quality", "candidate", 1.0)
    assert trial.reading("quality").n == 1
    assert trial.reading("quality").estimate == pytest.approx(1.0 / 3.0)
    # Nobody is set against what was used already.
    trial.observe("quality", "candidate", 0.0)
    trial.observe("quality", "baseline", 1.0)
    assert trial.reading("quality").n == 1
    for value in (1.0, 1.0):
        trial.observe("quality", "baseline", value)
    assert (trial.reading("quality").n, trial.reading("quality").estimate) == (2, pytest.approx(-1.0 / 3.0))
    # Of four that nobody was waiting for the oldest is forgotten.
    for value in (1.0, 0.0, 0.0, 0.0):
        trial.observe("quality", "baseline", value)
    trial.observe("quality", "candidate", 0.5)
    assert (trial.reading("quality").n, trial.reading("quality").estimate) == (
        3,
        pytest.approx((-2.0 / 3.0 + 0.5) / 3.0),
    )


def test_what_waits_is_bounded() -> None:
    trial = Trial([QUALITY])
    for _ in range(10 * MOST_WAITING):
        trial.observe("quality", "candidate", 1.0)
    assert len(trial.state.metrics["quality"].candidate) == MOST_WAITING


def test_a_trial_is_taken_up_where_it_was_left() -> None:
    rng, whole, parts = random.Random(4), Trial(METRICS, per_candidate=2), Trial(METRICS, per_candidate=2)
    for call in range(300):
        arm = "candidate" if rng.random() < 0.3 else "baseline"
        for metric in ("quality", "errors"):
            value = float(rng.random() < 0.8)
            whole.observe(metric, arm, value)
            parts.observe(metric, arm, value)
        if call % 50 == 0:
            kept = msgspec.json.decode(msgspec.json.encode(parts.state), type=TrialState)
            parts = Trial.resumed(kept, METRICS, per_candidate=2)
    assert parts.state == whole.state
    assert parts.reading("quality") == whole.reading("quality")
    with pytest.raises(BadArgument, match=r"^state: is of other metrics: errors, quality"):
        Trial.resumed(whole.state, [QUALITY])


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^metrics: must have one primary metric, and any number of guards"):
        Trial([ERRORS])
    with pytest.raises(BadArgument, match=r"^metrics: must have names of their own"):
        Trial([QUALITY, Metric("quality")])
    with pytest.raises(BadArgument, match=r"^metrics: 'a' must have a margin of 0 or more, and below 1, has 1.5"):
        Trial([Metric("a", role="primary", margin=1.5)])
    with pytest.raises(BadArgument, match=r"^metric: there is no 'speed': there are quality, errors"):
        Trial(METRICS).observe("speed", "candidate", 1.0)
    with pytest.raises(BadArgument, match=r"^candidate: value 1 must be 0 to 1, was 2"):
        Trial(METRICS).observe_pair("quality", 1.0, 2.0)
