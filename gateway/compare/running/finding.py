"""Results out of trials: pure, so that a journal can be read again and give the same."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.cases import Case, Suite
from gateway.compare.grading import Grade, Judge
from gateway.compare.running.comparing import Contest, contested, ranking
from gateway.compare.running.differing import Asked, differences
from gateway.compare.running.frontiers import placed
from gateway.compare.running.gating import judge, judge_alone
from gateway.compare.running.noting import Noted, notes
from gateway.compare.running.results import CaseShown, Graded, Judgement, Results, Summary
from gateway.compare.running.scoring import Scoring, flat, score
from gateway.compare.running.standing import Declared, Labelled, standings
from gateway.compare.running.summarising import summarise
from gateway.compare.running.trials import Arm, Trial


class Aims(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to find out.

    Attributes:
        name: of the suite. level: of confidence. seed: of the order and of resampling.
        metric: what arms are compared by, `pass` or `score`. margin: how much worse is not worse, in its unit.
        gates: arms are judged: `base` names the one that the others stand against; empty: each stands alone.
        limits: by one of `gating.GUARDS`, how much more the others' median may be than the base's, as a share.
        exclude_errors: what nobody answered is no failure. declared: by judge, what was measured of it before.
        currency: of all money. gateway: where it is asked.
    """

    name: str
    level: float = 0.95
    seed: int = 0
    metric: str = "pass"
    margin: float = 0.0
    gates: bool = False
    base: str = ""
    limits: Mapping[str, float] = {}
    exclude_errors: bool = False
    declared: Mapping[str, Declared] = {}
    currency: str = "USD"
    gateway: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has come to. `left_out`, `narrowed`: cases that were not asked, in words, as in `Selected`;
    `requests`: of each arm, one example."""

    id: str
    began: float
    ended: float
    suite: Suite
    cases: Sequence[Case]
    arms: Sequence[Arm]
    trials: Sequence[Trial]
    contests: Sequence[Contest] = ()
    labelled: Sequence[Labelled] = ()
    stopped: str = ""
    missing: int = 0
    spent_nano: int = 0
    left_out: Sequence[str] = ()
    narrowed: str = ""
    requests: Mapping[str, Mapping[str, object]] = {}


def results_of(found: Found, aims: Aims) -> Results:
    """All of it."""
    shown = {case.id: shown_case(case) for case in found.cases}
    given = [grade for trial in found.trials for grade in trial.grades]
    given += [grade for one in found.labelled for grade in one.grades]
    judges = standings(_judges(found.suite, given), found.labelled, aims.declared, given)
    scoring = Scoring(
        cases={case.id: case for case in found.cases},
        calibrated={one.judge for one in judges if one.calibrated},
        exclude_errors=aims.exclude_errors,
    )
    names = [arm.name for arm in found.arms]
    graded = score(_in_order(found.trials, list(shown), names), scoring)
    asked = Asked(metric=aims.metric, margin=aims.margin, level=aims.level, seed=aims.seed)
    summaries = [summarise(name, graded, shown, aims.level) for name in names]
    differ = differences(names, graded, shown, asked)
    summaries, pareto = placed(summaries, graded, differ, aims.metric)
    noted = Noted(
        arms=found.arms,
        summaries=summaries,
        graded=graded,
        judges=judges,
        requests=found.requests,
        exclude_errors=aims.exclude_errors,
        left_out=found.left_out,
        # Of verdicts it is a reason, where it cannot be overlooked.
        narrowed="" if aims.gates else found.narrowed,
        contests=found.contests,
    )
    return Results(
        id=found.id,
        suite=aims.name,
        file=found.suite.file,
        digest=found.suite.digest,
        began=found.began,
        ended=found.ended,
        level=aims.level,
        seed=aims.seed,
        repeats=max((case.repeat for case in found.cases), default=1),
        arms=tuple(found.arms),
        cases=tuple(shown.values()),
        graded=graded,
        summaries=tuple(summaries),
        differences=differ,
        judgements=_judgements(summaries, graded, shown, asked, aims, found.narrowed) if aims.gates else (),
        judges=judges,
        ranking=ranking(found.contests, aims.level, aims.seed),
        contested=contested(found.contests),
        pareto=pareto,
        stopped=found.stopped,
        missing=found.missing,
        cost_nano=sum(one.cost_nano for one in summaries),
        grading_cost_nano=sum(grade.cost_nano for grade in given),
        spent_nano=found.spent_nano,
        currency=aims.currency,
        notes=notes(noted),
        gateway=aims.gateway,
    )


def _in_order(trials: Sequence[Trial], cases: Sequence[str], arms: Sequence[str]) -> list[Trial]:
    """By case, as the suite has them, by arm and by repeat: in which order they were asked is told by their times."""
    places = {case: place for place, case in enumerate(cases)}
    return sorted(trials, key=lambda one: (places[one.case], arms.index(one.arm), one.repeat))


def shown_case(case: Case) -> CaseShown:
    """A case as reports name it."""
    return CaseShown(
        id=case.id,
        description=case.description,
        source=case.source,
        tags=case.tags,
        never_break=case.never_break,
        repeats=case.repeat,
        line=case.line,
        vars=case.vars,
        messages=case.messages,
    )


def _judges(suite: Suite, given: Sequence[Grade]) -> list[Judge]:
    """The suite's judges, and those that graded without being declared there."""
    found = dict(suite.judges)
    for grade in flat(given):
        if grade.by is not None and grade.by.judge not in found:
            found[grade.by.judge] = Judge(name=grade.by.judge, model=grade.by.model)
    return list(found.values())


def _judgements(
    summaries: Sequence[Summary],
    graded: Sequence[Graded],
    shown: Mapping[str, CaseShown],
    asked: Asked,
    aims: Aims,
    narrowed: str,
) -> tuple[Judgement, ...]:
    base = next((one for one in summaries if one.arm == aims.base), None)
    if base is None:
        found = [judge_alone(one, graded, shown) for one in summaries]
    else:
        found = [judge(base, one, graded, shown, asked, aims.limits) for one in summaries if one is not base]
    if not narrowed:
        return tuple(found)
    return tuple(msgspec.structs.replace(one, reasons=(*one.reasons, narrowed)) for one in found)
