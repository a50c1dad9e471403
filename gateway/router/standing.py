"""What a worker knows of a target from the calls that went there: how many are under way, how quick it is, whether it
works. Plain figures, changed on the event loop only."""

import math
from collections.abc import Callable, Mapping
from typing import TypeVarTuple

import msgspec

from gateway.core.live import Live
from gateway.router.breaker import Breaker
from gateway.router.document import Ejection, Overload
from gateway.router.draining import TakenOut
from gateway.router.gradient import Gradient
from gateway.router.loading import Routes

DECAY_S = 10.0
# Nobody knows how long a call would have taken that was given up: each in a row is taken to be twice as slow as the one
# before, up to so many times as long as it was waited for.
MOST_LONGER = 8
# A 429 without `retry-after` rests a target so long at first, doubled while it goes on.
REST_S, MAX_REST_S = 0.5, 60.0
MAX_KEPT = 10_000
Whose = TypeVarTuple("Whose")
# A call waits for several turns of the event loop before its answer is read. A turn is remembered for about a second.
OWN_TURNS, OWN_KEPT = 4, 0.9


class Run(msgspec.Struct, eq=False):
    """A call under way at a target: whose standing it counts for, since when, the mark by which its breaker counts it,
    and whose it is."""

    standing: "Standing"
    began: float
    mark: int
    who: str

    def ended(self) -> None:
        """It is over, whatever became of it."""
        standing = self.standing
        standing.runs.pop(self, None)
        if standing.breaker.state != "closed":
            standing.breaker.ended(self.mark)


class Standing:
    """Of one target.

    Attributes:
        resting_until: it said that it has too much to do. draining: taken out by an operator; it finishes what it has.
        latency_s: peak-sensitive moving average of the time to the first token (of a whole answer, to its end): it
            goes up at once and down slowly; 0 if nothing is known. Of Finagle's "peak EWMA".
        gradient: how many calls may be under way there. passed_over: calls that found it full.
        runs: those under way, in the order of their beginnings.
    """

    __slots__ = (
        *("_at", "_rest_s", "breaker", "draining"),
        *("gradient", "latency_s", "passed_over", "resting_until", "runs"),
    )

    def __init__(self, options: Ejection) -> None:
        self.breaker = Breaker(options)
        self.gradient = Gradient()
        self.passed_over = 0
        self.resting_until = 0.0
        self.draining = False
        self.latency_s = 0.0
        self._at = 0.0
        self._rest_s = REST_S
        self.runs: dict[Run, None] = {}

    @property
    def in_flight(self) -> int:
        return len(self.runs)

    def works(self, now: float) -> bool:
        """Nothing keeps calls from it, apart from those that are there."""
        if self.draining or self.resting_until > now:
            return False
        return self.breaker.state == "closed" or self.breaker.allows(now)

    def is_clear(self, room: float, now: float) -> bool:
        """Nothing at all keeps any call from it: nearly always so, and sooner told than what does (`works`, `is_full`).
        `room`: as `Routes` has it."""
        if self.draining or self.resting_until > now or self.breaker.state != "closed":
            return False
        return self.gradient.limit is None and len(self.runs) < room

    def is_full(self, options: Overload, is_batch: Callable[[*Whose], bool], *whose: *Whose) -> bool:
        """Whether one more call would only make it slower. Whose call it is, is asked only where that counts."""
        there, room = len(self.runs), self.gradient.room
        if not options.enabled or there < room(options, batch=True):
            return False
        return there >= room(options, batch=False) or is_batch(*whose)

    def begun(self, now: float, who: str = "") -> Run:
        """A call of this caller is sent there."""
        breaker = self.breaker
        run = Run(self, now, breaker.begun() if breaker.state == "half_open" else breaker.mark, who)
        self.runs[run] = None
        return run

    def answered(self, run: Run, kind: object, size: float, now: float, options: Overload, own_s: float = 0) -> None:
        """It has begun to answer. `kind`, `size`, `own_s`: as `Gradient.answered` has them."""
        self._rest_s = REST_S
        waited = now - run.began
        if options.enabled:
            self.gradient.answered(kind, waited, size, len(self.runs), now, options, own_s)
        self._observe(waited, now)
        if self.breaker.state != "closed":
            self.breaker.answered(run.mark)

    def gave_up(self, run: Run, kind: object, now: float, options: Overload, own_s: float = 0) -> None:
        """It did not begin to answer in its time, or nobody waited for it any longer."""
        if options.enabled:
            self.gradient.gave_up(kind, now - run.began, len(self.runs), now, options, own_s)
        waited = now - run.began
        average = self.latency_s * math.exp((self._at - now) / DECAY_S)
        self._observe(max(waited, min(2 * average, MOST_LONGER * waited)), now)

    def succeeded(self, run: Run, now: float) -> None:
        """Its answer was whole."""
        self.breaker.succeeded(run.mark, now, run.who)

    def failed(self, run: Run, now: float, spread: float) -> None:
        """The target did not serve it; `spread`: 0 to 1, at random."""
        self.breaker.failed(run.mark, now, spread, run.who)

    def refused(self, now: float, after_s: float | None) -> None:
        """It has too much to do: it rests for as long as it says, or longer each time."""
        if after_s is None:
            after_s, self._rest_s = self._rest_s, min(MAX_REST_S, self._rest_s * 2)
        self.resting_until = max(self.resting_until, now + min(after_s, MAX_REST_S))

    def expected_s(self, now: float) -> float:
        """How long a call would wait for its first token: the average, or how long the oldest under way has waited
        already, times those that are there. The average fades, so that a target that nobody asks is tried again."""
        runs = self.runs
        average = self.latency_s * math.exp((self._at - now) / DECAY_S) if self.latency_s else 0.0
        for oldest in runs:
            if now - oldest.began > average:
                average = now - oldest.began
            break
        return average * (len(runs) + 1)

    def _observe(self, seconds: float, now: float) -> None:
        if seconds >= self.latency_s:
            self.latency_s = seconds
        else:
            kept = math.exp((self._at - now) / DECAY_S)
            self.latency_s = self.latency_s * kept + seconds * (1 - kept)
        self._at = now


class Standings:
    """All targets' standings, by `provider/model`.

    Attributes:
        routes: those in force. known: by place; `of` has them all.
        own_s: so much of a call's waiting may be this process's own, lately.
    """

    def __init__(self, routes: Live[Routes]) -> None:
        self.routes = routes
        self.own_s = 0.0
        self.known: dict[str, Standing] = {}
        self._taken_out: Mapping[str, TakenOut] = {}

    def late(self, seconds: float) -> None:
        """The event loop was so late; told many times a second."""
        self.own_s = max(OWN_TURNS * seconds, self.own_s * OWN_KEPT)

    def take_out(self, places: Mapping[str, TakenOut]) -> None:
        """These get no new calls, and no others are kept from any."""
        self._taken_out = places
        for place, standing in self.known.items():
            standing.draining = place in places
        for place in places:
            self.of(place)

    @property
    def probe_s(self) -> float | None:
        return self.routes.value.file.ejection.probe_s

    @property
    def overload(self) -> Overload:
        return self.routes.value.file.overload

    def of(self, place: str) -> Standing:
        found, ejection = self.known.get(place), self.routes.value.file.ejection
        if found is None:
            if len(self.known) >= MAX_KEPT:
                self.known = {name: one for name, one in self.known.items() if one.in_flight or one.draining}
            found = self.known[place] = Standing(ejection)
            found.draining = place in self._taken_out
        elif found.breaker.options is not ejection:
            found.breaker.options = ejection
        return found

    def all(self) -> list[tuple[str, Standing]]:
        return list(self.known.items())

    def view(self, now: float) -> dict[str, "Shown"]:
        """What is known of each target, for operators."""
        return {place: _shown(one, now, self._taken_out.get(place)) for place, one in sorted(self.known.items())}


class Shown(msgspec.Struct, frozen=True):
    """A standing as operators see it. `heard`: it is left alone because another gateway said so. `limit`: on
    calls under way, if one was found out."""

    state: str
    heard: bool
    in_flight: int
    latency_ms: int
    failure_rate: float
    resting_s: float
    taken_out: TakenOut | None
    limit: int | None


def _shown(one: Standing, now: float, taken_out: TakenOut | None) -> Shown:
    return Shown(
        state=one.breaker.state,
        heard=one.breaker.heard,
        in_flight=one.in_flight,
        latency_ms=round(one.latency_s * 1000),
        failure_rate=round(one.breaker.failure_rate(now)[0], 3),
        resting_s=round(max(0.0, one.resting_until - now), 1),
        taken_out=taken_out,
        limit=None if one.gradient.limit is None else int(one.gradient.limit),
    )
