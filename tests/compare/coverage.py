"""How often intervals hold the truth, over simulated suites of known quality.

`python -m tests.compare.coverage` prints the table of gateway/compare/statistics/README.md. Numbers are drawn with
numpy, as many at a time as it takes; every interval is made by the code under test.
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, default_rng

from gateway.compare.statistics.agreement import cohen_kappa
from gateway.compare.statistics.bradley_terry import bradley_terry
from gateway.compare.statistics.frontier import independent_difference
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.judging import JudgeAccuracy, prediction_powered, rogan_gladen
from gateway.compare.statistics.means import mean_interval
from gateway.compare.statistics.paired import difference_interval, paired_proportions
from gateway.compare.statistics.preferences import Preference
from gateway.compare.statistics.proportions import clopper_pearson, clustered_proportion, wilson
from gateway.compare.statistics.quantiles import QuantileInterval, per_thousand, quantile_interval
from gateway.compare.statistics.resampling import bootstrap_interval

Made = tuple[Interval | QuantileInterval, float]
SUITES = 1_000
_wilson, _pairs, _clopper = (lru_cache(None)(made) for made in (wilson, paired_proportions, clopper_pearson))


class Covered(NamedTuple):
    """Shares of suites: the interval holds the truth; lies below it; lies above it."""

    holds: float
    below: float
    above: float


class Kind(NamedTuple):
    """`make`: of a suite of n cases, the interval and the truth. `sizes`: n, and how many suites of it are simulated.
    `least`, `most`: what the coverage must lie between; the README says why where it is not 0.93 and 0.97."""

    name: str
    make: Callable[[Generator, int], Made]
    sizes: dict[int, int]
    least: float = 0.93
    most: float = 0.97


def measured(kind: Kind, n: int, suites: int, seed: int = 0) -> Covered:
    rng = default_rng([seed, n, *kind.name.encode()])
    below = above = 0
    for _ in range(suites):
        interval, truth = kind.make(rng, n)
        below += interval.high is not None and interval.high < truth - 1e-12
        above += interval.low is not None and interval.low > truth + 1e-12
    return Covered(1.0 - (below + above) / suites, below / suites, above / suites)


def clusters(rng: Generator, n: int) -> np.ndarray:
    """Sources of one to five cases each: the number of its source for every case."""
    sizes = rng.integers(1, 6, n)
    return np.repeat(np.arange(n), sizes)[:n]


def shared(rng: Generator, sources: np.ndarray, mean: float, alike: float) -> np.ndarray:
    """Probabilities with this mean, the same for all cases of a source; `alike`: their intra-cluster correlation."""
    weight = 1.0 / alike - 1.0
    return rng.beta(mean * weight, (1.0 - mean) * weight, int(sources[-1]) + 1)[sources]


def of_pass_rate(make: Callable[[int, int], Interval]) -> Callable[[Generator, int], Made]:
    def suite(rng: Generator, n: int) -> Made:
        rate = rng.uniform(0.5, 0.98)
        return make(int(rng.binomial(n, rate)), n), rate

    return suite


def of_clustered_pass_rate(rng: Generator, n: int) -> Made:
    sources, rate = clusters(rng, n), rng.uniform(0.5, 0.95)
    passed = rng.random(n) < shared(rng, sources, rate, 0.2)
    return clustered_proportion(passed.tolist(), sources.tolist()), rate


def of_scores(rng: Generator, n: int) -> Made:
    a, b = rng.uniform(2.0, 9.0), rng.uniform(1.0, 3.0)
    return mean_interval(rng.beta(a, b, n).tolist(), bounds=(0.0, 1.0)), a / (a + b)


def of_repeated_answers(rng: Generator, n: int) -> Made:
    """Three answers to each case, most cases always passed."""
    rate = rng.uniform(0.8, 0.97)
    passes = rng.binomial(3, rng.beta(rate * 1.5, (1.0 - rate) * 1.5, n)) / 3
    return mean_interval(passes.tolist(), bounds=(0.0, 1.0)), rate


def of_clustered_scores(rng: Generator, n: int) -> Made:
    sources, mean = clusters(rng, n), rng.uniform(0.3, 0.7)
    centre = shared(rng, sources, mean, 0.15)
    return mean_interval(rng.beta(4 * centre, 4 * (1 - centre)).tolist(), clusters=sources.tolist()), mean


def of_costs(rng: Generator, n: int) -> Made:
    spread = rng.uniform(0.3, 0.8)
    return per_thousand(rng.lognormal(-7.0, spread, n).tolist()), 1_000.0 * math.exp(-7.0 + spread**2 / 2.0)


def of_pairs(rng: Generator, n: int) -> Made:
    differ = rng.uniform(0.08, 0.4)
    better = differ * rng.uniform(0.2, 0.8)
    b, c, _ = rng.multinomial(n, [better, differ - better, 1.0 - differ])
    return _pairs(int(b), int(c), n).interval, better - (differ - better)


def of_clustered_pairs(rng: Generator, n: int) -> Made:
    """A third of the cases differ as their source does."""
    sources, differ = clusters(rng, n), rng.uniform(0.1, 0.4)
    better = differ * rng.uniform(0.3, 0.7)
    odds = [better, differ - better, 1.0 - differ]
    own, common = rng.choice([1.0, -1.0, 0.0], n, p=odds), rng.choice([1.0, -1.0, 0.0], n, p=odds)
    drawn = np.where(rng.random(n) < 0.33, common[sources], own)
    return difference_interval(drawn.tolist(), clusters=sources.tolist()), better - (differ - better)


def of_few_different_scores(rng: Generator, n: int) -> Made:
    """Most cases are scored the same; the others anywhere, more often for the better."""
    share, low = rng.uniform(0.1, 0.45), rng.uniform(-1.0, 0.0)
    drawn = np.where(rng.random(n) < share, rng.uniform(low, 1.0, n), 0.0)
    return difference_interval(drawn.tolist()), share * (low + 1.0) / 2.0


def of_different_scores(rng: Generator, n: int) -> Made:
    a, b = rng.uniform(3.0, 9.0), rng.uniform(1.0, 2.0)
    shift = rng.uniform(-0.1, 0.1)
    first = rng.beta(a, b, n)
    second = np.clip(first + shift, 0.0, 1.0) * rng.beta(12.0, 1.0, n)
    truth = a / (a + b) - _clipped_mean(a, b, shift) * 12.0 / 13.0
    return difference_interval((first - second).tolist()), truth


def of_clustered_different_scores(rng: Generator, n: int) -> Made:
    sources, mean = clusters(rng, n), rng.uniform(-0.1, 0.1)
    drawn = mean + rng.normal(0.0, 0.08, n)[sources] + rng.uniform(-0.3, 0.3, n)
    return difference_interval(np.clip(drawn, -1, 1).tolist(), clusters=sources.tolist()), mean


def of_independent_rates(rng: Generator, n: int) -> Made:
    one, other = rng.uniform(0.5, 0.98, 2)
    drawn = (_wilson(int(rng.binomial(n, rate)), n) for rate in (one, other))
    return independent_difference(*drawn), one - other


def of_agreement(rng: Generator, n: int) -> Made:
    rate, wrong = rng.uniform(0.5, 0.9), rng.uniform(0.03, 0.2)
    truth = rng.random(n) < rate
    judged = truth ^ (rng.random(n) < wrong)
    expected = rate * (rate * (1 - wrong) + (1 - rate) * wrong) + (1 - rate) * (
        1 - rate * (1 - wrong) - (1 - rate) * wrong
    )
    made = cohen_kappa(truth.tolist(), judged.tolist()).kappa
    return made, (1.0 - wrong - expected) / (1.0 - expected)


def of_judged_rate(rng: Generator, n: int) -> Made:
    """As many labels as verdicts, half of them passes."""
    rate, sens, spec = rng.uniform(0.3, 0.9), rng.uniform(0.8, 0.97), rng.uniform(0.75, 0.95)
    labels = max(30, n // 2)
    right = (_wilson(int(rng.binomial(labels, share)), labels) for share in (sens, spec))
    passed = int(rng.binomial(n, rate * sens + (1.0 - rate) * (1.0 - spec)))
    return rogan_gladen(passed, n, JudgeAccuracy(*right)), rate


def of_predicted_rate(rng: Generator, n: int) -> Made:
    """n verdicts, and n / 4 more (30 at least) with labels."""
    rate, sens, spec = rng.uniform(0.5, 0.9), rng.uniform(0.8, 0.97), rng.uniform(0.75, 0.95)
    labelled = max(30, n // 4)
    truth = rng.random(n + labelled) < rate
    judged = np.where(truth, rng.random(n + labelled) < sens, rng.random(n + labelled) > spec)
    made = prediction_powered(judged[labelled:].tolist(), judged[:labelled].tolist(), truth[:labelled].tolist())
    return made, rate


def of_quantile(quantile: float) -> Callable[[Generator, int], Made]:
    def suite(rng: Generator, n: int) -> Made:
        spread = rng.uniform(0.3, 1.0)
        truth = math.exp(spread * NormalDist().inv_cdf(quantile))
        return quantile_interval(rng.lognormal(0.0, spread, n).tolist(), quantile), truth

    return suite


def of_preferences(rng: Generator, n: int) -> Made:
    """n prompts, each judged once between two of four arms, a fifth of them tied."""
    step = rng.uniform(0.2, 0.8)
    strengths = [step * (at - 1.5) for at in range(4)]
    preferences: list[Preference] = []
    for first, second, draw in zip(rng.integers(0, 4, n), rng.integers(1, 4, n), rng.random(n), strict=True):
        other = (first + second) % 4
        chance = 1.0 / (1.0 + math.exp(strengths[other] - strengths[first]))
        preferences.append(Preference(f"m{first}", f"m{other}", "first" if draw < chance else "second"))
    ranking = bradley_terry(preferences, draws=100)
    if len(ranking.groups) > 1:
        return Interval(0.0, 0.0, 0.0, 0.95, "", n), 0.0
    return ranking.preferred("m2", "m1"), 1.0 / (1.0 + math.exp(-step))


def of_bootstrap(method: str) -> Callable[[Generator, int], Made]:
    def suite(rng: Generator, n: int) -> Made:
        made = bootstrap_interval(rng.beta(9.0, 1.0, n).tolist(), method=method, resamples=300, seed=1)
        return made, 0.9

    return suite


@lru_cache(None)
def _clipped_mean(a: float, b: float, shift: float) -> float:
    """The mean of a beta variable moved and cut to 0 and 1, by a sum over its distribution."""
    x = (np.arange(4_000) + 0.5) / 4_000
    density = x ** (a - 1.0) * (1.0 - x) ** (b - 1.0)
    return float((np.clip(x + shift, 0.0, 1.0) * density).sum() / density.sum())


ALL = {30: SUITES, 100: SUITES, 1_000: SUITES}
# Where one suite of a thousand cases takes milliseconds.
FEWER = {30: SUITES, 100: SUITES, 1_000: 250}

KINDS: tuple[Kind, ...] = (
    Kind("wilson", of_pass_rate(_wilson), ALL),
    Kind("clopper_pearson", of_pass_rate(_clopper), ALL, 0.95, 1.0),
    Kind("clustered_wilson", of_clustered_pass_rate, FEWER, most=0.99),
    Kind("mean of scores", of_scores, FEWER),
    Kind("mean of scores, most at an end", of_repeated_answers, FEWER),
    Kind("mean of clustered scores", of_clustered_scores, FEWER),
    Kind("cost per thousand", of_costs, FEWER),
    Kind("paired pass or fail", of_pairs, ALL, most=0.98),
    Kind("paired pass or fail, clustered", of_clustered_pairs, FEWER, most=0.99),
    Kind("paired scores, most the same", of_few_different_scores, FEWER),
    Kind("paired scores", of_different_scores, FEWER),
    Kind("paired scores, clustered", of_clustered_different_scores, FEWER),
    Kind("two independent pass rates", of_independent_rates, ALL),
    Kind("kappa", of_agreement, FEWER),
    Kind("rogan_gladen", of_judged_rate, ALL, most=0.99),
    Kind("prediction_powered", of_predicted_rate, FEWER, most=0.985),
    Kind("p50", of_quantile(0.5), FEWER),
    Kind("p95", of_quantile(0.95), {100: SUITES, 1_000: 250}, most=0.99),
    Kind("p99", of_quantile(0.99), {1_000: 250}),
    Kind("bradley_terry", of_preferences, {30: 400, 100: 300, 1_000: 100}, most=0.98),
)
BOOTSTRAPS: tuple[Kind, ...] = (
    Kind("bootstrap percentile", of_bootstrap("percentile"), {30: 400}, 0.85, 0.95),
    Kind("bootstrap BCa", of_bootstrap("bca"), {30: 400}, 0.85, 0.95),
)


def table() -> Iterator[str]:
    yield "| interval | n = 30 | n = 100 | n = 1,000 |"
    yield "|---|---|---|---|"
    for kind in (*KINDS, *BOOTSTRAPS):
        cells = [
            f"{100 * measured(kind, n, kind.sizes[n]).holds:.1f}" if n in kind.sizes else "" for n in (30, 100, 1_000)
        ]
        yield f"| {kind.name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
