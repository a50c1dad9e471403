"""McNemar's test: are the cases that only one arm passes as likely to be the one's as the other's?

Conditional on their number it is a sign test. `exact` never calls a difference more often than promised, and often
less than half as often; `mid` counts what was observed by half (Lancaster 1961) and keeps its promise, to within a
tenth of it, in all the cases of Fagerland, Lydersen & Laake (BMC Medical Research Methodology 13, 2013).
"""

import msgspec

from gateway.compare.statistics.distributions import binomial_cdf, binomial_pmf
from gateway.compare.statistics.errors import check_count


class McNemar(msgspec.Struct, frozen=True):
    """Two-sided p-values; `better`, `worse`: the cases that the candidate alone passed, and that it alone failed."""

    better: int
    worse: int
    exact: float
    mid: float


def mcnemar(better: int, worse: int) -> McNemar:
    check_count(better, "better")
    check_count(worse, "worse")
    discordant, fewer = better + worse, min(better, worse)
    if not discordant:
        return McNemar(better, worse, 1.0, 1.0)
    exact = min(1.0, 2.0 * binomial_cdf(fewer, discordant, 0.5))
    observed = binomial_pmf(fewer, discordant, 0.5)
    mid = 1.0 - observed / 2.0 if better == worse else 2.0 * binomial_cdf(fewer, discordant, 0.5) - observed
    return McNemar(better, worse, exact, min(1.0, max(0.0, mid)))
