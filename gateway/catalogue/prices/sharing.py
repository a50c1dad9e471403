"""A sum that is rounded once, and parts that add up to it."""

from collections.abc import Sequence

from gateway.core.money import round_half_even


def shares(numbers: Sequence[int], scale: int) -> list[int]:
    """`numbers / scale` as whole numbers: their exact sum is rounded once, half to even, and shared out by largest
    remainder; of equal remainders the first goes first. All are >= 0, `scale` > 0."""
    parts: list[int] = []
    rests: list[int] = []
    for number in numbers:
        part, rest = divmod(number, scale)
        parts.append(part)
        rests.append(rest)
    left = round_half_even(sum(numbers), scale) - sum(parts)
    if left:
        for index in sorted(range(len(rests)), key=rests.__getitem__, reverse=True)[:left]:
            parts[index] += 1
    return parts
