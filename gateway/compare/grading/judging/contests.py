"""Answers compared with one another, two at a time and in both orders.

Judges prefer what they read first, or second, more than they let on: a preference that turns round with the order is
none. How often it does is counted, and says how far a judge can be trusted (`consistency`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from gateway.compare.grading.checks import Contest
from gateway.compare.grading.grades import JudgedBy, Ungradable, Verdict
from gateway.compare.grading.judging.asking import Question, Said, one_of, only_keys, typed
from gateway.compare.grading.judging.judges import Outside
from gateway.compare.grading.judging.prompts import PAIR
from gateway.compare.grading.judging.rubrics import MAX_REASON
from gateway.compare.grading.sample import Sample
from gateway.compare.grading.values import clipped

Winner = Literal["one", "other", "tie"]
_EMPTY = "(the answer is empty)"


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """Which of two answers is better.

    Attributes:
        winner: `tie` if the judge says so, or says another thing when the order is turned round.
        forward, backward: what it said with `one` first, and with `other` first.
        error: why there is none.
    """

    winner: Winner
    forward: Winner = "tie"
    backward: Winner = "tie"
    reason: str = ""
    error: str = ""
    cost_nano: int = 0
    by: JudgedBy | None = None

    @property
    def consistent(self) -> bool:
        """The order did not matter."""
        return not self.error and self.forward == self.backward


async def prefer(contest: Contest, one: Sample, other: Sample, outside: Outside, *, question: str = "") -> Preference:
    """Two questions to the judge. Never raises for what a judge says."""
    asked = Question(contest.judge, PAIR)
    blocks = {"input": question, "rubric": contest.criteria}
    texts = one.text or _EMPTY, other.text or _EMPTY
    said = await asyncio.gather(
        asked.ask(outside, {**blocks, "first": texts[0], "second": texts[1]}, _check),
        asked.ask(outside, {**blocks, "first": texts[1], "second": texts[0]}, _check),
        return_exceptions=True,
    )
    spent = sum(each.cost_nano for each in said if isinstance(each, Said | Ungradable))
    for each in said:
        if isinstance(each, Ungradable):
            return Preference(winner="tie", error=str(each), cost_nano=spent, by=asked.by)
        if isinstance(each, BaseException):
            raise each
    there, back = (each for each in said if isinstance(each, Said))
    forward, backward = _FORWARD[there.value["winner"]], _BACKWARD[back.value["winner"]]
    agreed = forward == backward
    reason = str(there.value["reason"])
    return Preference(
        winner=forward if agreed else "tie",
        forward=forward,
        backward=backward,
        reason=clipped(
            reason if agreed else f"the judge prefers {forward}, and {backward} the other way round", MAX_REASON
        ),
        cost_nano=spent,
        by=asked.with_model(there),
    )


_FORWARD: Mapping[str, Winner] = {"first": "one", "second": "other", "tie": "tie"}
_BACKWARD: Mapping[str, Winner] = {"first": "other", "second": "one", "tie": "tie"}


def _check(value: Mapping[str, Any]) -> None:
    only_keys(value, "reason", "winner")
    typed(value, "reason", str, "a text")
    one_of(value, "winner", _FORWARD)


def consistency(preferences: Sequence[Preference]) -> tuple[int, int]:
    """(how many did not turn round with the order, how many there are), errors left out."""
    given = [one for one in preferences if not one.error]
    return sum(one.consistent for one in given), len(given)


class Contested(msgspec.Struct, frozen=True):
    """One answer among several: its verdict, or why there is none."""

    verdict: Verdict | None
    error: str = ""
    cost_nano: int = 0
    by: JudgedBy | None = None


async def best_of(
    contest: Contest, samples: Sequence[Sample], outside: Outside, *, question: str = ""
) -> tuple[list[Contested], list[Preference]]:
    """Each against each. The score is the share of contests won, a tie being half of one; the best passes, and where
    several are best, each of them. What it cost is shared out among them.

    Returns:
        One result for each answer; and all preferences, in the order (0, 1), (0, 2) … (1, 2) ….
    """
    pairs = [(one, other) for one in range(len(samples)) for other in range(one + 1, len(samples))]
    found = await asyncio.gather(
        *(prefer(contest, samples[one], samples[other], outside, question=question) for one, other in pairs)
    )
    spent = sum(each.cost_nano for each in found)
    parts = [spent // len(samples) + (place < spent % len(samples)) for place in range(len(samples))]
    by = next((each.by for each in found if each.by is not None), None)
    if failed := next((each.error for each in found if each.error), ""):
        return [Contested(None, failed, part, by) for part in parts], found
    points = [0.0] * len(samples)
    for (one, other), each in zip(pairs, found, strict=True):
        points[one] += {"one": 1.0, "tie": 0.5, "other": 0.0}[each.winner]
        points[other] += {"one": 0.0, "tie": 0.5, "other": 1.0}[each.winner]
    rounds = max(1, len(samples) - 1)
    results: list[Contested] = []
    for point, part in zip(points, parts, strict=True):
        best = point == max(points)
        reason = f"{point:g} of {rounds} contests; the best has {max(points):g}"
        score = point / rounds if len(samples) > 1 else 1.0
        results.append(Contested(Verdict(best, score, reason, cost_nano=part, by=by), "", part, by))
    return results, found
