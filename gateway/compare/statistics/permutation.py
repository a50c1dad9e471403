"""Sign flips: if two arms are alike, each difference is as likely to have either sign (Fisher 1935).

The p-value is the share of all ways to flip signs whose mean is as far from 0 as the one observed, or farther. Up to 16
differences that are not 0 all ways are tried; beyond, some thousand drawn with the seed, the observed one among them
(Phipson & Smyth 2010), so that it is never 0. Of clustered cases, whole clusters are flipped: give their sums.
"""

import random
from collections.abc import Sequence
from itertools import product
from math import fsum

from gateway.compare.statistics.errors import check_count, check_numbers

ALL_WAYS = 16
_BYTE = 8
# Sums of the same numbers with other signs differ by rounding: what is as far must not count as nearer.
_SLACK = 1e-12


def sign_flip_p(differences: Sequence[float], *, draws: int = 9_999, seed: int = 0) -> float:
    """The two-sided p-value of no difference."""
    check_numbers(differences, "differences")
    check_count(draws, "draws", least=99)
    moved = [d for d in differences if d != 0.0]
    if not moved:
        return 1.0
    least = abs(fsum(moved)) - _SLACK * fsum(abs(d) for d in moved)
    if len(moved) <= ALL_WAYS:
        # Flipping all signs changes no distance: the first may stay as it is.
        ways = _signed_sums(moved[1:])
        return sum(abs(moved[0] + way) >= least for way in ways) / len(ways)
    tables = [_signed_sums(moved[at : at + _BYTE]) for at in range(0, len(moved), _BYTE)]
    # A last table that is shorter is repeated, so that every byte has an entry.
    tables[-1] = tables[-1] * (256 // len(tables[-1]))
    rng = random.Random(seed)  # noqa: S311
    as_far = 0
    for _ in range(draws):
        total = sum(table[byte] for table, byte in zip(tables, rng.randbytes(len(tables)), strict=True))
        as_far += abs(total) >= least
    return (as_far + 1) / (draws + 1)


def _signed_sums(values: Sequence[float]) -> list[float]:
    """The sums of all ways to sign the values."""
    ways = product((1.0, -1.0), repeat=len(values))
    return [fsum(sign * value for sign, value in zip(signs, values, strict=True)) for signs in ways]
