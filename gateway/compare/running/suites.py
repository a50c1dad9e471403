"""A suite run from end to end: planned, asked, graded, and what was found of it. Whoever answers is injected."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.compare.cases import Case, Suite
from gateway.compare.grading import Outside
from gateway.compare.running.asking import Ask, Question, digest_of
from gateway.compare.running.besides import Besides
from gateway.compare.running.finding import Aims, Found, results_of
from gateway.compare.running.grader import CaseGrader
from gateway.compare.running.journal import Journal, cost_of_comparing
from gateway.compare.running.keeping import KeptAnswers
from gateway.compare.running.ordering import order
from gateway.compare.running.patience import Patience
from gateway.compare.running.purse import Purse
from gateway.compare.running.results import Results
from gateway.compare.running.runner import CEILING, UNPRICED, Bounds, Progress, Runner
from gateway.compare.running.selecting import Selected
from gateway.compare.running.trials import Arm, cost_of
from gateway.core.clock import Clock, SystemClock

Requests = Mapping[tuple[str, str], Mapping[str, Any]]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of whom.

    Attributes:
        id: of the run. selected: cases of the suite. requests: by (arm, case), the body of a chat completion.
        streamed: answers come as streams. ceiling_nano: the most that the run may cost, with all of its earlier parts.
        judged_by: tells a default judge from another.
    """

    id: str
    suite: Suite
    selected: Selected
    arms: tuple[Arm, ...]
    requests: Requests
    aims: Aims
    streamed: bool = False
    ceiling_nano: int | None = None
    bounds: Bounds = Bounds()
    judged_by: str = ""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """By what. `outside`: whom grades may ask; `unpriced`: how many of their answers have had no price; the rest as in
    `Runner`."""

    ask: Ask
    outside: Outside = Outside()
    unpriced: Callable[[], int] = lambda: 0
    journal: Journal | None = None
    kept: KeptAnswers | None = None
    patience: Patience = Patience()
    clock: Clock = SystemClock()
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    told: Callable[[Progress], None] = lambda _: None


async def run_suite(plan: Plan, means: Means) -> Results:
    """Run it. Labelled answers come first, because they say which judges count."""
    cases = {case.id: case for case in (*plan.selected.asked, *plan.selected.labelled)}
    grader = CaseGrader(cases, means.outside, plan.judged_by, plan.bounds.concurrency)
    purse = Purse(plan.ceiling_nano)
    began = means.clock.now()
    if means.journal is not None:
        take_up(means.journal, purse)
        began = means.journal.head.began

    def unpriced() -> bool:
        return means.unpriced() > 0

    besides = Besides(cases, [arm.name for arm in plan.arms], grader, purse, means.journal, unpriced)
    labelled = await besides.label(plan.selected.labelled)
    runner = Runner(
        means.ask,
        grader,
        purse,
        means.clock,
        bounds=plan.bounds,
        journal=means.journal,
        kept=means.kept,
        patience=means.patience,
        sleep=means.sleep,
        told=means.told,
        unpriced=unpriced,
    )
    ran = await runner.run(questions(plan))
    held = await besides.hold(ran.trials)
    found = Found(
        id=plan.id,
        began=began,
        ended=means.clock.now(),
        suite=plan.suite,
        cases=plan.selected.asked,
        arms=plan.arms,
        trials=held.trials,
        contests=held.contests,
        labelled=labelled,
        # A judge that was held against fewer labels than there are may not count, and nobody would know why.
        stopped=ran.stopped or ((UNPRICED if unpriced() else CEILING) if besides.short else ""),
        missing=ran.missing,
        spent_nano=purse.spent,
        left_out=plan.selected.left_out,
        narrowed=plan.selected.narrowed,
        requests={arm.name: plan.requests[arm.name, plan.selected.asked[0].id] for arm in plan.arms},
    )
    return results_of(found, plan.aims)


def questions(plan: Plan) -> list[Question]:
    """All that is asked, in the order in which it is."""
    cases: Sequence[Case] = plan.selected.asked
    digests = {
        (arm.name, case.id): digest_of(arm, plan.requests[arm.name, case.id], streamed=plan.streamed)
        for arm in plan.arms
        for case in cases
    }
    found: list[Question] = []
    for number, turn in enumerate(order(len(plan.arms), [case.repeat for case in cases], plan.aims.seed)):
        arm, case = plan.arms[turn.arm], cases[turn.case]
        found.append(
            Question(
                id=f"{plan.id}.{number}",
                arm=arm,
                case=case.id,
                repeat=turn.repeat,
                request=plan.requests[arm.name, case.id],
                digest=digests[arm.name, case.id],
                fresh=turn.repeat > 0,
            )
        )
    return found


def take_up(journal: Journal, purse: Purse) -> None:
    """What earlier parts of the run have spent is spent, and says what answers cost."""
    for done in journal.done.values():
        cost = cost_of(done.trial)
        purse.spent += cost or 0
        if cost is not None and done.trial.sample is not None and done.trial.origin == "asked":
            purse.learn(done.trial.arm, cost)
    purse.spent += sum(grade.cost_nano for line in journal.labelled.values() for grade in line.grades)
    purse.spent += sum(cost_of_comparing(line) for line in journal.compared.values())
    purse.spent += journal.lost
