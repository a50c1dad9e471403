"""Cases, divided once and for all: what a search is shown, what it is scored on, and what it never sees.

Which part a case falls into is decided by the hash of what it asks, and by nothing else: not by its place in the file,
so that new cases move no others; not by a seed, so that nobody draws until the held-out cases please. Cases of one
source, and cases that ask the same, stay together.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from gateway.compare.cases import Case
from gateway.stores.jsonvalues import canonical

# Of the cases that are not held out: a half is shown, the other half scores.
_SHOWN = 0.5
# Five cases that differ, all of them one way, are the fewest that the exact test calls different (mid-p 0.031).
LEAST_HELD, LEAST_SCORED, LEAST_SHOWN = 6, 4, 4
FEW_HELD = 30


class TooFew(ValueError):
    """The cases are too few to tune by. Says how many of what there are, and what is needed."""


class Parts(msgspec.Struct, frozen=True):
    """Attributes:
    shown: what proposals are made of: a model reads their failures, and examples are taken from them.
    scored: by which one candidate is preferred to another; their texts are shown to nobody.
    held: by which the end is judged; no search asks them.
    """

    shown: tuple[Case, ...]
    scored: tuple[Case, ...]
    held: tuple[Case, ...]


def divide(cases: Sequence[Case], validation: float) -> Parts:
    """`validation`: the share that is held out, about.

    Raises:
        TooFew: a part would have too few to say anything.
    """
    group = _groups(cases)
    shown: list[Case] = []
    scored: list[Case] = []
    held: list[Case] = []
    for case in cases:
        at = _place(group[case.id])
        rest = (at - validation) / (1.0 - validation)
        (held if at < validation else shown if rest < _SHOWN else scored).append(case)
    parts = Parts(tuple(shown), tuple(scored), tuple(held))
    counts = [len({group[case.id] for case in part}) for part in (parts.held, parts.scored, parts.shown)]
    least = (LEAST_HELD, LEAST_SCORED, LEAST_SHOWN)
    if any(count < few for count, few in zip(counts, least, strict=True)):
        raise TooFew(
            f"{len(cases)} cases are too few to tune by: {counts[0]} held out, {counts[1]} to score by and {counts[2]} "
            f"to learn from, where {least[0]}, {least[1]} and {least[2]} that do not depend on one another are the "
            "least; write more cases (40 or more tell something), or hold out another share with --validation"
        )
    return parts


def _groups(cases: Sequence[Case]) -> dict[str, str]:
    """By case, what names its group: its source, or what it asks. What a source asks, too, belongs to it."""
    owner: dict[str, str] = {}
    for case in cases:
        question = _question(case)
        source = f"source {case.source}" if case.source else question
        roots = {_root(owner, source), _root(owner, question)}
        first = max(roots)  # a source, where there is one: its next case changes nothing
        for root in roots:
            owner[root] = first
    return {case.id: _root(owner, _question(case)) for case in cases}


def _root(owner: dict[str, str], name: str) -> str:
    owner.setdefault(name, name)
    while owner[name] != name:
        name = owner[name]
    return name


def _question(case: Case) -> str:
    return "asked " + hashlib.sha256(canonical([dict(case.vars), list(case.messages)])).hexdigest()


def _place(group: str) -> float:
    """Between 0 and 1."""
    return int.from_bytes(hashlib.sha256(f"tuning\0{group}".encode()).digest()[:8], "big") / 2**64
