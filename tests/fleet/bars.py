"""What is asked of a gateway with everything on, and whether it was kept."""

import math
from typing import NamedTuple

from tests.fleet.running import Outcome
from tests.fleet.scenarios import Scenario

JUDGED = "everything"


class Bar(NamedTuple):
    says: str
    measured: str
    kept: bool


def bars(outcome: Outcome, scenario: Scenario) -> list[Bar]:
    """None for other features: those are shown to compare with."""
    if outcome.features != JUDGED:
        return []
    asked = scenario.bars
    found: list[Bar] = []
    success = outcome.broken.success
    if asked.success is not None:
        found.append(Bar(f"success ≥ {asked.success:.1%}", f"{success:.2%}", success >= asked.success))
    for name, most, value in (
        ("p50 ÷ control's", asked.p50_ratio, outcome.p50_ratio),
        ("p99 ÷ control's", asked.p99_ratio, outcome.p99_ratio),
        ("load upstream", asked.load, max(outcome.load, outcome.attempts, outcome.load_after or 0.0)),
    ):
        if most is not None:
            found.append(Bar(f"{name} ≤ {most:g}", f"{value:.3f}", value <= most))
    if asked.back_s is not None:
        back_s = math.inf if outcome.back_s is None else outcome.back_s
        found.append(Bar(f"back within {asked.back_s:g} s", f"{back_s:g} s", back_s <= asked.back_s))
    if asked.spare is not None:
        found.append(Bar(f"at the spare model ≥ {asked.spare:g}", f"{outcome.spare:.3f}", outcome.spare >= asked.spare))
    return found
