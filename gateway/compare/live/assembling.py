"""Rows of the ledger in, what they say out: a row at a time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from gateway.compare.live.comparing import LEAST, Comparison
from gateway.compare.live.designs import Design, Moving, mirror_went, rated_values, values_of, went
from gateway.compare.live.measures import THUMBS, Measure, Values
from gateway.compare.live.results import LiveArm, LiveDifference
from gateway.compare.live.tallying import Tally
from gateway.compare.live.units import Seen, Units
from gateway.ledger.feedback.metrics import DEFAULT
from gateway.ledger.live.reading import LiveCall, LiveReader

OWN, MIRROR = "primary", "mirror "
_NO_ARM = "no arm that is compared, or nobody knows which"
_CACHED = "answered from the cache"
_ODD = "arms had more or fewer calls than their shares say: not only the die sent them, and nothing is judged by {}"
_SAID = "people spoke of some arms' answers more often than of others', so that {} is not judged"
_CHANGING = "shares were changing just then, or not written down yet"


class Assembled(msgspec.Struct, frozen=True):
    """Arms with their figures, differences with their verdicts, and the calls that are in neither, by the reason.
    `best`: of an experiment, how likely each arm is the best."""

    arms: tuple[LiveArm, ...]
    differences: tuple[LiveDifference, ...]
    uncounted: dict[str, int]
    best: Mapping[str, float] = {}
    notes: tuple[str, ...] = ()


class _Arms:
    """The calls of one design, on their way into its tallies and its comparison."""

    def __init__(self, design: Design, measures: Sequence[Measure], level: float, least: int) -> None:
        self.design, self.measures = design, tuple(measures)
        self.comparison = Comparison(
            measures, design.base, design.candidates, level=level, least=least, judged=design.judged,
            least_share=None if design.moving is None else design.moving.least,
        )  # fmt: skip
        self.tallies = {name: Tally() for name in design.arms}
        self.uncounted: Counter[str] = Counter()

    def calls(self, rows: Iterable[LiveCall], until_ns: int) -> None:
        units = Units(self.design.window_ns)
        for call in rows:
            arm = self._arm(call)
            if not arm:
                continue
            gone = went(call, own=self.design.answered_itself(call, arm))
            tally = self.tallies[arm]
            tally.add(gone)
            if gone.outcome == "completed":
                tally.used(call.input_tokens, call.output_tokens)
            values = values_of(gone, self.measures)
            if self.design.moving is not None:
                self._weigh(self.design.moving, arm, call.started_ns, values)
                continue
            self._see(units.add(Seen(arm, self.design.unit_of(call), call.started_ns, values)))
        self._see(units.until(until_ns))

    def rated(self, rows: Iterable[LiveCall], at: int | None, until_ns: int) -> None:
        """`at`: the measure's place; None: only to be shown."""
        units = Units(self.design.window_ns)
        for call in rows:
            arm = self.design.arm_of(call) if self._is_asked(call) else ""
            if not arm or call.score is None:
                continue
            if at is None or self.measures[at].name == THUMBS:
                self.tallies[arm].say(call.score)
            if at is not None:
                values = rated_values(call.score, self.measures, at)
                if self.design.moving is not None:
                    self._weigh(self.design.moving, arm, call.started_ns, values)
                    continue
                self._see(units.add(Seen(arm, self.design.unit_of(call), call.said_ns, values)))
        self._see(units.until(until_ns))

    def _weigh(self, moving: Moving, arm: str, started_ns: int, values: Values) -> None:
        shares = moving.at(started_ns)
        if shares is None or not shares.get(arm):
            self.uncounted[_CHANGING] += 1
        else:
            self.comparison.see_weighted(arm, values, shares)

    def _arm(self, call: LiveCall) -> str:
        arm = self.design.arm_of(call) if self._is_asked(call) else ""
        if not arm:
            self.uncounted[_NO_ARM if self._is_asked(call) else _CACHED] += 1
        return arm

    def _is_asked(self, call: LiveCall) -> bool:
        return not call.cache

    def _see(self, seen: Iterable[Seen]) -> None:
        for one in seen:
            self.comparison.see(one.arm, one.values)

    def shown(self) -> tuple[LiveArm, ...]:
        return tuple(tally.arm(name, self.comparison.mean_of(name)) for name, tally in self.tallies.items())


def assembled(
    reader: LiveReader,
    design: Design,
    measures: Sequence[Measure],
    *,
    until_ns: int,
    level: float = 0.95,
    least: int = LEAST,
) -> Assembled:
    """All calls of the reader's period by their arms. `until_ns`: the end of the period, or now.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    arms = _Arms(design, measures, level, least)
    arms.calls(reader.calls(), until_ns)
    said = [at for at, one in enumerate(measures) if one.field == "feedback"]
    for at in said:
        name = measures[at].name
        rows = reader.rated(DEFAULT if name == THUMBS else name, scores=measures[at].kind == "score")
        arms.rated(rows, at, until_ns)
    if not any(measures[at].name == THUMBS for at in said):
        arms.rated(reader.rated(DEFAULT, scores=False), None, until_ns)
    best = arms.comparison.best(design.arms) if design.kind == "experiment" and design.unit == "call" else {}
    unfit = [at for at in range(len(measures)) if not arms.comparison.fits(at)]
    odd = ", ".join(f"`{measures[at].name}`" for at in unfit if at not in said)
    notes = (
        *([_ODD.format(odd)] if odd else []),
        *(_SAID.format(f"`{measures[at].name}`") for at in unfit if at in said),
    )
    return Assembled(arms.shown(), arms.comparison.differences(), dict(arms.uncounted), best, notes)


def mirrors_assembled(
    reader: LiveReader, models: Sequence[str], measures: Sequence[Measure], *, level: float = 0.95, least: int = LEAST
) -> Assembled:
    """Mirrors beside the calls that they are copies of. People say nothing of answers that nobody got."""
    measures = [one for one in measures if one.field != "feedback"]
    names = [f"{MIRROR}{model}" for model in models]
    if not names or not measures:
        return Assembled((), (), {})
    comparison = Comparison(measures, OWN, names, level=level, least=least)
    tallies = {name: Tally() for name in names}
    for pair in reader.mirrored():
        mirror, own = mirror_went(pair)
        name = f"{MIRROR}{pair.model}"
        if name in tallies:
            tallies[name].add(mirror)
            comparison.see_pair(name, values_of(mirror, measures), values_of(own, measures))
    arms = tuple(tally.arm(name, comparison.mean_of(name)) for name, tally in tallies.items())
    return Assembled(arms, comparison.differences(), {})
