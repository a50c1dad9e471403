"""In which order a call's targets are tried: a pure function of a snapshot of them and a die."""

import math
from collections.abc import Callable, Sequence
from hashlib import blake2b

import msgspec

from gateway.router.document import Strategy

Die = Callable[[], float]
_HASHES = 2**64


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A target as the choice sees it.

    Attributes:
        usable: it works and is not resting. Those that are not come last, and are asked only if none is.
        expected_s: how long a call would wait for its first token. cost: what the call would cost there at most, in
            nano-units; None if not known, which is the dearest of all.
    """

    place: str
    weight: float = 1.0
    priority: int = 0
    usable: bool = True
    in_flight: int = 0
    expected_s: float = 0.0
    cost: int | None = None
    quality: float = 0.0


class Wish(msgspec.Struct, frozen=True):
    """What the choice keeps to. `sticky`: calls of one word go to one target; empty: they need not."""

    strategy: Strategy = "ordered"
    max_latency_s: float | None = None
    min_quality: float | None = None
    sticky: str = ""
    max_load: float = 1.25


def ranked(candidates: Sequence[Candidate], wish: Wish, die: Die) -> list[int]:
    """The places of the candidates in their sequence, best first; each of them once."""
    if len(candidates) == 1:
        return [0]
    # Sorted twice, and Python's sort keeps the order of equals: by what the strategy wants, then by what comes first.
    order = sorted(range(len(candidates)), key=_keys(candidates, wish, die).__getitem__)
    if wish.sticky:
        order = _stuck(candidates, order, wish)
    first = candidates[0].priority
    for one in candidates:
        if not one.usable or one.priority != first:  # seldom
            return sorted(order, key=lambda place: (not candidates[place].usable, candidates[place].priority))
    return order


def _keys(candidates: Sequence[Candidate], wish: Wish, die: Die) -> Sequence[tuple[float, ...]] | Sequence[float]:
    """What the strategy puts the candidates in order by: the least first."""
    strategy = wish.strategy
    if strategy == "ordered":
        return [(float(one.weight <= 0),) for one in candidates]
    if strategy == "weighted":
        return [(chance(one.weight, die()),) for one in candidates]
    if strategy == "cheapest":
        return [(*_dearness(one, wish), chance(one.weight, die())) for one in candidates]
    if strategy == "least_in_flight":
        burdens = [(one.in_flight + 1) / (one.weight or 1e-9) for one in candidates]
    else:
        burdens = [one.expected_s / (one.weight or 1e-9) for one in candidates]
    if len(set(burdens)) == len(burdens):
        return burdens  # no two are alike, and the die has nothing to say
    return [(burden, chance(one.weight, die())) for burden, one in zip(burdens, candidates, strict=True)]


def _dearness(one: Candidate, wish: Wish) -> tuple[float, float, float]:
    slow = wish.max_latency_s is not None and one.expected_s > wish.max_latency_s
    poor = wish.min_quality is not None and one.quality < wish.min_quality
    return float(poor), float(slow), math.inf if one.cost is None else float(one.cost)


def chance(weight: float, thrown: float) -> float:
    """Sorted by these, targets stand in a random order in which each is first as often as its weight says.

    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.
    """
    return -math.log(1.0 - thrown) / weight if weight > 0 else math.inf


def _stuck(candidates: Sequence[Candidate], order: Sequence[int], wish: Wish) -> list[int]:
    """By rendezvous hashing: a target that comes or goes moves no calls but its own. One with more than `max_load`
    times its part of the calls under way comes after the others ("consistent hashing with bounded loads", Mirrokni,
    Thorup, Zadimoghaddam, 2016)."""
    usable = [one for one in candidates if one.usable]
    weights = sum(one.weight for one in usable) or 1.0
    under_way = sum(one.in_flight for one in usable) + 1

    def key(place: int) -> tuple[float, float]:
        one = candidates[place]
        part = wish.max_load * under_way * one.weight / weights
        return (float(one.in_flight >= part), chance(one.weight, hashed(wish.sticky, one.place)))

    return sorted(order, key=key)


def hashed(word: str, place: str) -> float:
    """0 to below 1, the same for the same two words on every machine."""
    digest = blake2b(f"{word}\0{place}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _HASHES
