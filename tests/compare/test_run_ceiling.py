"""What would let money past a run's ceiling: answers that cost nothing, fail, or have no price, and judges."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.journal import Head, Journal
from gateway.compare.running.results import Results
from gateway.compare.running.runner import CEILING, Bounds
from gateway.compare.running.suites import Means, run_suite
from tests.compare.scripted import arms_of, heard, plan_of, suite_of


def run(ask: Any, ceiling: int | None, *names: str, suite: Any = None, **means: Any) -> Results:
    plan = plan_of(
        suite or suite_of(40), arms_of(*(names or ("a",))), ceiling_nano=ceiling, bounds=Bounds(concurrency=8)
    )
    return asyncio.run(run_suite(plan, Means(ask=ask, **means)))


class Counted:
    """Answers, the first so many of them out of the gateway's cache; keeps how many are asked at once."""

    def __init__(self, kept: int, cost: int = 900) -> None:
        self.asked = self.open = self.most_open = 0
        self._kept, self._cost = kept, cost

    async def __call__(self, question: Question) -> Heard:
        self.asked += 1
        kept = self.asked <= self._kept
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        for _ in range(3):
            await asyncio.sleep(0)
        self.open -= 1
        return msgspec.structs.replace(heard("yes", cost_nano=0 if kept else self._cost), kept=kept)


def test_what_a_cache_gave_for_nothing_teaches_nothing_of_what_an_answer_costs(tmp_path: Path) -> None:
    ask = Counted(kept=3)
    found = run(ask, 2_000)
    assert (ask.most_open, found.spent_nano, found.stopped) == (1, 1_800, CEILING)
    # Nor does it in the next part of the run.
    for cases, ask in ((3, Counted(kept=3)), (40, Counted(kept=0))):
        with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
            found = run(ask, 2_000, suite=suite_of(cases), journal=journal)
    assert (ask.most_open, found.spent_nano) == (1, 1_800)
