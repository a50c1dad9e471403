"""Many comparisons at once: of twenty models alike, one looks better at 5 %.

`holm` for a verdict per model: the probability of one false claim or more among them stays below alpha, whatever they
share (Holm 1979). `benjamini_hochberg` for slices, where many are looked at and a false one among them is no harm: of
those called different, alpha at most are so by chance, on average (Benjamini & Hochberg 1995; slices may be
independent or depend on each other the same way round). `family_level` for intervals that are to hold all at once.
"""

from collections.abc import Sequence

from gateway.compare.statistics.errors import check_count, check_fraction, check_level


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the order given: those at alpha or below are claims."""
    order = _ascending(p_values)
    adjusted, least = [0.0] * len(order), 0.0
    for rank, at in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_values[at]))
        adjusted[at] = least
    return tuple(adjusted)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values (q-values) in the order given: calling those at alpha or below different is wrong in alpha of
    them at most."""
    order = _ascending(p_values)
    adjusted, most = [0.0] * len(order), 1.0
    for rank in range(len(order) - 1, -1, -1):
        at = order[rank]
        most = min(most, p_values[at] * (len(order) / (rank + 1)))
        adjusted[at] = most
    return tuple(adjusted)


def family_level(level: float, count: int) -> float:
    """The level of each of `count` intervals, if all of them are to hold with `level` (Bonferroni)."""
    check_level(level)
    check_count(count, "count", least=1)
    return 1.0 - (1.0 - level) / count


def _ascending(p_values: Sequence[float]) -> list[int]:
    for value in p_values:
        check_fraction(value, "p_values")
    return sorted(range(len(p_values)), key=p_values.__getitem__)
