"""In which order a run asks: the same for the same seed, and fair to every arm."""

import random
from collections.abc import Sequence

import msgspec


class Turn(msgspec.Struct, frozen=True):
    """One asking: which arm and which case, by their places in the lists given, and which repeat of it."""

    arm: int
    case: int
    repeat: int


def order(arms: int, repeats: Sequence[int], seed: int) -> list[Turn]:
    """Every arm gets every case as often as `repeats` says for it.

    Arms take turns within each case, who is first changing at random: whatever changes while a run goes on (a model
    that is replaced, an upstream that slows down) meets all of them. All cases come once before any comes twice: a run
    that is stopped has seen as many different cases as it could, and those tell more than repeats.
    """
    chance = random.Random(seed)  # noqa: S311  an order, and no secret
    turns: list[Turn] = []
    for repeat in range(max(repeats, default=0)):
        cases = [case for case, often in enumerate(repeats) if repeat < often]
        chance.shuffle(cases)
        for case in cases:
            first = list(range(arms))
            chance.shuffle(first)
            turns += [Turn(arm, case, repeat) for arm in first]
    return turns
