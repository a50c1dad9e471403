"""A route's experiment: the die that gives each call one of its targets, and says which on the record.

What it chose stands on the record as `variant`, `provider/model`, also if another target answers in the end because
that one is busy, broken or fails. A call that policy or a condition keeps from one of the arms is none of the
experiment's, and its record has no variant.

An arm that was stopped gets no calls any more, not as a last resort either, unless no other can be used. One that only
lost against an arm that was promoted stays the last resort.
"""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.core.days import begins
from gateway.core.experiment import Experiment
from gateway.core.model import Permit
from gateway.stores.files import digest


class Running(msgspec.Struct, frozen=True):
    """A route's experiment, checked. `id`: of this very one. `arms`: its targets and their weights. `ids`: what each
    arm is called in the folder of what was stopped. `from_s`: Unix seconds."""

    id: str
    route: str
    experiment: Experiment
    base: str
    arms: Mapping[str, float]
    ids: Mapping[str, str]
    from_s: float

    @property
    def name(self) -> str:
        """As reports call it: its route's."""
        return self.route


class Period(msgspec.Struct, frozen=True):
    """Each arm's part of the calls that begin at `from_ns` (Unix nanoseconds) or later."""

    from_ns: int
    shares: Mapping[str, float]


class Drawn(tuple[Permit, ...]):
    """A plan whose first choice a die made among all arms. `arm`: what it chose."""

    arm: str = ""


def running_of(route: str, experiment: Experiment, base: str, arms: Mapping[str, float]) -> Running:
    """Raises:
    ValueError: its `since` is no moment.
    """
    words = [route.encode(), b"experiment", experiment.since.encode()]
    ids = {place: digest(*words, place.encode()) for place in arms}
    return Running(digest(*words), route, experiment, base, arms, ids, begins(experiment.since))


def shares_of(
    running: Running, over: Mapping[str, object], now: float, periods: Sequence[Period] = ()
) -> dict[str, float]:
    """Each arm's part of the calls now, 0 to 1. `over`: ids of what was stopped. `periods`: what was published, oldest
    first; before the first of them weights count."""
    now_ns = now * 1e9
    published = next((one.shares for one in reversed(periods) if one.from_ns <= now_ns), running.arms)
    weights = {place: 0.0 if running.ids[place] in over else published.get(place, 0.0) for place in running.arms}
    total = sum(weights.values())
    if now < running.from_s or not total:
        total = sum(running.arms.values())
        return {place: weight / total for place, weight in running.arms.items()}
    return {place: weight / total for place, weight in weights.items()}


def drawn(shares: Mapping[str, float], thrown: float) -> str:
    """The arm that a number from 0 to below 1 stands for."""
    open_to_all = [(place, share) for place, share in shares.items() if share > 0]
    for place, share in open_to_all:
        thrown -= share
        if thrown < 0:
            return place
    return open_to_all[-1][0]


def planned(first: str, ordered: Sequence[Permit], *, usable: bool) -> Drawn:
    """The plan of a call that the die gave to this arm: it is first, or, while it is not to be used, last."""
    own = [one for one in ordered if one.model.place == first]
    others = [one for one in ordered if one.model.place != first]
    plan = Drawn((*own, *others) if usable else (*others, *own))
    plan.arm = first
    return plan
