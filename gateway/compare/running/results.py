"""What a run has found: the one value that tables, reports, gates and programs are made from. Plain data; as JSON it is
what `--json` writes.

Money is in nano-units of the price book's currency, times in seconds, shares and scores between 0 and 1. Whatever is
unknown is None, never 0.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gateway.compare.running.trials import Arm, Trial
from gateway.compare.statistics.interval import Interval

FORMAT = 1
Word = Literal["better", "equivalent", "worse", "inconclusive"]
Gate = Literal["passed", "failed", "inconclusive"]


class Quantiles(msgspec.Struct, frozen=True):
    """Of `count` values: the middle one, and that which 95 of 100 do not exceed."""

    count: int
    p50: float
    p95: float


class CaseShown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A case as reports name it. `source`: cases with the same are not independent of one another. `never_break`: it
    must pass each time, of `repeats`. `vars`, `messages`: what is put into a prompt, or asked as it is."""

    id: str
    description: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    never_break: bool = False
    repeats: int = 1
    line: int = 0
    vars: Mapping[str, Any] = {}
    messages: tuple[Mapping[str, Any], ...] = ()


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """A trial and what it is worth.

    Attributes:
        passed: whether all assertions that count hold. score: their weighted mean. reason: what failed, or that nothing
            did. error: it could not be graded, or nobody answered: then it has not passed.
        counted: whether it is among those that figures are made of: not so where nobody answered and errors are
            excluded.
        named: scores by metric.
        advisory: kinds of the assertions that failed and count for nothing, because their judge is not calibrated.
    """

    trial: Trial
    passed: bool
    score: float
    reason: str
    error: str = ""
    counted: bool = True
    named: Mapping[str, float] = {}
    advisory: tuple[str, ...] = ()


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One arm's figures.

    Attributes:
        arm: its name. cases, trials: how many were asked. passed, errors, excluded: of the trials.
        pass_rate, score, named: over cases, each case's repeats being one value; None: nothing was counted.
        cost_nano: what asking cost; answers that were kept cost nothing now. grading_cost_nano: of judges, apart.
        cost_per_thousand_nano: of 1,000 answers, as if none had been kept; None: nothing was priced. unpriced: answers
            without a price.
        latency_s: until the last byte; ttft_s: until the first, of streamed answers.
        input_tokens, output_tokens: of an answer.
        refusals, format_errors, truncated: of the answers: the model refused; not of the form that an assertion wants;
            cut off by the limit of tokens.
        kept, gateway_kept, retries: see `Trial.origin`.
        served: how many answers each served model gave.
        broken: the cases that must never break, and did.
        dominated_by: an arm that is at least as good, as cheap and as fast, and better in one of them; empty: none.
    """

    arm: str
    cases: int
    trials: int
    passed: int
    errors: int
    excluded: int
    pass_rate: Interval | None
    score: Interval | None
    named: Mapping[str, Interval]
    cost_nano: int
    grading_cost_nano: int
    cost_per_thousand_nano: int | None
    unpriced: int
    latency_s: Quantiles | None
    ttft_s: Quantiles | None
    input_tokens: Quantiles | None
    output_tokens: Quantiles | None
    refusals: int
    format_errors: int
    truncated: int
    kept: int
    gateway_kept: int
    retries: int
    served: Mapping[str, int]
    broken: tuple[str, ...]
    dominated_by: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How one arm differs from another on the same cases: `other` minus `base`.

    Attributes:
        metric: `pass`, or `score`.
        cases: how many both have. better, worse: ids of those where `other` did better or worse than `base`.
        interval: of the difference. p: that so much or more is chance; p_adjusted: by Holm, for all pairs of arms.
        test: how `p` was found.
        margin: how much worse is not worse. word: the verdict that the interval and the margin give.
        correlation: of the two arms over cases, for planning; None: not defined.
        more_cases: about how many more cases would decide it; 0: it is decided; None: nobody can say.
        said: all of it in a sentence.
    """

    base: str
    other: str
    metric: str
    cases: int
    better: tuple[str, ...]
    worse: tuple[str, ...]
    interval: Interval
    p: float
    p_adjusted: float
    test: str
    margin: float
    word: Word
    correlation: float | None
    more_cases: int | None
    said: str


class GuardKept(msgspec.Struct, frozen=True, kw_only=True):
    """A limit on what the other arm may cost more than the base. `change`: as a share: 0.1 is a tenth more; None: one
    of the two is not known, and the limit is not kept."""

    metric: str
    base: float | None
    other: float | None
    change: float | None
    limit: float
    kept: bool


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """Whether `other` may take the place of `base`.

    Attributes:
        word: the verdict on quality: that of `difference`, and `worse` where a case broke that must never.
        gate: all together. reasons: what it hangs on, in sentences; of a failed one, the reasons that fail it first.
        broken: cases that must never break, and did with `other`.
    """

    base: str
    other: str
    word: Word
    gate: Gate
    reasons: tuple[str, ...]
    broken: tuple[str, ...]
    guards: tuple[GuardKept, ...]
    difference: Difference | None


class JudgeStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A judge and what it is worth. `kappa`: Cohen's, of its grades with people's labels, of which there are `labels`;
    None: there are none. `calibrated`: it counts. `why`: in words."""

    judge: str
    model: str
    kappa: float | None
    labels: int
    calibrated: bool
    why: str
    cost_nano: int = 0
    asked: int = 0


class Rank(msgspec.Struct, frozen=True, kw_only=True):
    """An arm's place by comparisons of answers. `strength`: Bradley-Terry's, as a logarithm, around 0. `first`: the
    probability that it is the best."""

    arm: str
    strength: Interval
    wins: int
    losses: int
    ties: int
    first: float | None = None


class Contested(msgspec.Struct, frozen=True, kw_only=True):
    """How often a judge preferred an answer of `one` to that of `other` to the same question, and the other way round;
    what it could not decide is a tie."""

    one: str
    other: str
    won: int
    lost: int
    tied: int


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        id: of the run. suite, file, digest: the suite's name, its file as it was named, `sha256:…` of what it asks.
        began, ended: Unix seconds. level: of confidence. seed: of the order and of resampling.
        repeats: how often each case was asked of each arm, at most.
        differences: between pairs of arms, the base first. judgements: where there is a base that arms stand against.
        ranking: best first; empty without a judge that compares answers. contested: what it is made of, by pair.
        pareto: names of the arms that no other beats in quality, cost and speed at once.
        stopped: why it ended before its end: `cost ceiling`, `time limit`, `no price`, or who refuses all that
            is asked; empty: it did not.
        missing: trials that were not asked for that.
        cost_nano, grading_cost_nano: of the trials shown. spent_nano: of the whole run, with what was
            spent on what is not shown: on answers that a kill lost, or that others took the place of.
        currency: of all money.
        notes: what makes the comparison less fair than it looks.
        gateway: where it was asked.
    """

    format: int = FORMAT
    id: str
    suite: str
    file: str
    digest: str
    began: float
    ended: float
    level: float
    seed: int
    repeats: int
    arms: tuple[Arm, ...]
    cases: tuple[CaseShown, ...]
    graded: tuple[Graded, ...]
    summaries: tuple[Summary, ...]
    differences: tuple[Difference, ...]
    judgements: tuple[Judgement, ...]
    judges: tuple[JudgeStanding, ...]
    ranking: tuple[Rank, ...]
    pareto: tuple[str, ...]
    stopped: str
    missing: int
    cost_nano: int
    grading_cost_nano: int
    spent_nano: int
    currency: str
    notes: tuple[str, ...]
    gateway: str = ""
    contested: tuple[Contested, ...] = ()
