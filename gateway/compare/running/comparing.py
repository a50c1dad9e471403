"""Answers to one case held against one another by a judge, and the ranking of arms that comes of it."""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.cases import Case
from gateway.compare.grading import Check, Judge
from gateway.compare.grading.checks import Contest as Held
from gateway.compare.grading.judging.contests import Preference
from gateway.compare.running.results import Contested, Rank
from gateway.compare.statistics.bradley_terry import bradley_terry
from gateway.compare.statistics.errors import NotEstimable
from gateway.compare.statistics.preferences import Outcome, tallies
from gateway.compare.statistics.preferences import Preference as Compared

_OUTCOMES: Mapping[str, Outcome] = {"one": "first", "other": "second", "tie": "tie"}


class Contest(msgspec.Struct, frozen=True):
    """One pair of answers to a case. `one`, `other`: the arms."""

    case: str
    repeat: int
    one: str
    other: str
    preference: Preference


def ranking(contests: Sequence[Contest], level: float, seed: int) -> tuple[Rank, ...]:
    """The strongest first. A contest that the judge could not decide because of an error counts for nobody; one that
    it decides another way round in the other order is a tie."""
    try:
        found = bradley_terry(_given(contests), level=level, seed=seed)
    except NotEstimable:
        return ()
    return tuple(
        Rank(arm=one.arm, strength=one.strength, wins=one.wins, losses=one.losses, ties=one.ties, first=one.top)
        for one in found.arms
    )


def contested(contests: Sequence[Contest]) -> tuple[Contested, ...]:
    """The same by pair of arms, the first in the alphabet first."""
    try:
        found = tallies(_given(contests))
    except NotEstimable:
        return ()
    return tuple(
        Contested(one=one, other=other, won=tally.first_won, lost=tally.second_won, tied=tally.tied)
        for (one, other), tally in sorted(found.items())
    )


def _given(contests: Sequence[Contest]) -> list[Compared]:
    return [
        Compared(one.one, one.other, _OUTCOMES[one.preference.winner], one.case)
        for one in contests
        if not one.preference.error
    ]


def with_contest(case: Case, criteria: str, judge: Judge) -> Case:
    """The case, with its answers held against one another besides; that fails none of them."""
    check = Check(kind="select-best", weight=0.0, contest=Held(criteria=criteria, judge=judge))
    said = hashlib.sha256(f"{criteria}\0{judge.model}\0{judge.prompt}".encode()).hexdigest()
    return msgspec.structs.replace(case, checks=(*case.checks, check), digest=f"{case.digest} {said}")
