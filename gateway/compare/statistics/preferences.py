"""Who was preferred to whom: counts per pair of arms, and which arms can be compared at all.

Arms that nobody compared, not even by way of others, have no order: they fall into groups. Within a group an arm that
won or lost everything (or a set of arms against all others) has no finite strength by itself: such a group is
*separated* (Ford 1957: the likelihood has a maximum if and only if every arm beat or tied every other, by some path).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from gateway.compare.statistics.errors import BadArgument, NotEstimable

Outcome = Literal["first", "second", "tie"]


class Preference(msgspec.Struct, frozen=True):
    """One comparison of two arms. `case`: what they were compared on; answers to one case are not independent. Empty:
    a case of its own."""

    first: str
    second: str
    outcome: Outcome
    case: str = ""


class Tally(msgspec.Struct):
    """What is known of one pair, the first named before the second in the alphabet."""

    first_won: int = 0
    second_won: int = 0
    tied: int = 0

    @property
    def games(self) -> int:
        return self.first_won + self.second_won + self.tied


Tallies = Mapping[tuple[str, str], Tally]


def tallies(preferences: Iterable[Preference]) -> dict[tuple[str, str], Tally]:
    counts: dict[tuple[str, str], Tally] = {}
    for index, one in enumerate(preferences):
        if one.first == one.second:
            raise BadArgument("preferences", f"comparison {index} is of {one.first!r} with itself")
        turned = one.first > one.second
        pair = (one.second, one.first) if turned else (one.first, one.second)
        tally = counts.setdefault(pair, Tally())
        if one.outcome == "tie":
            tally.tied += 1
        elif (one.outcome == "first") is not turned:
            tally.first_won += 1
        else:
            tally.second_won += 1
    if not counts:
        raise NotEstimable("preferences", "there are none")
    return counts


def comparable_groups(counts: Tallies) -> list[tuple[str, ...]]:
    """Arms that were compared, directly or by way of others: the larger group first."""
    links: dict[str, set[str]] = {}
    for one, other in counts:
        links.setdefault(one, set()).add(other)
        links.setdefault(other, set()).add(one)
    groups: list[tuple[str, ...]] = []
    for arm in sorted(links):
        if not any(arm in group for group in groups):
            groups.append(tuple(sorted(_reached(arm, links))))
    return sorted(groups, key=lambda group: (-len(group), group))


def is_separated(group: Sequence[str], counts: Tallies) -> bool:
    """Is there an arm from which another is not reached along wins and ties, or the other way round?"""
    beaten: dict[str, set[str]] = {arm: set() for arm in group}
    beat_it: dict[str, set[str]] = {arm: set() for arm in group}
    for (one, other), tally in counts.items():
        for winner, loser, wins in ((one, other, tally.first_won), (other, one, tally.second_won)):
            if winner in beaten and (wins or tally.tied):
                beaten[winner].add(loser)
                beat_it[loser].add(winner)
    return any(len(_reached(group[0], links)) < len(group) for links in (beaten, beat_it))


def _reached(start: str, links: Mapping[str, Iterable[str]]) -> set[str]:
    seen, left = {start}, [start]
    while left:
        for arm in links[left.pop()]:
            if arm not in seen:
                seen.add(arm)
                left.append(arm)
    return seen
