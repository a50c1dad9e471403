"""What live traffic says, as one value: tables, reports and programs are made from it. As JSON it is what `--json`
writes.

As in `running/results.py` money is in nano-units of the price book's currency, times are in seconds, shares between 0
and 1; whatever is unknown is None, never 0. Intervals are confidence sequences: they hold whenever one looks.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.compare.running.results import Quantiles, Word
from gateway.compare.statistics.interval import Interval

FORMAT = 1
GuardWord = Literal["kept", "broken", "open"]


class LiveArm(msgspec.Struct, frozen=True, kw_only=True):
    """One arm's figures, of all its calls; of a mirror, of all that were sent to it.

    Attributes:
        calls: completed, failed and cancelled ones. elsewhere: those that another target answered in the end.
        metric: the mean of what is compared, of calls that count; None: there was none.
        cost_per_thousand_nano: of 1,000 priced calls. input_tokens, output_tokens: of a call, on average.
        rated, thumbs_up: calls with feedback, and the share of thumbs up.
        stopped: why it gets no more traffic; empty: it does.
    """

    arm: str
    calls: int
    completed: int
    failed: int
    cancelled: int
    elsewhere: int
    refusals: int
    success_rate: float | None
    metric: Interval | None
    cost_nano: int
    cost_per_thousand_nano: int | None
    unpriced: int
    latency_s: Quantiles | None
    ttft_s: Quantiles | None
    input_tokens: float | None
    output_tokens: float | None
    rated: int
    thumbs_up: float | None
    share: float | None = None
    stopped: str = ""


class LiveGuard(msgspec.Struct, frozen=True, kw_only=True):
    """A metric that must not get worse by more than is allowed.

    Attributes:
        change: as it is now: in the metric's unit, of times and costs as a part of the base's; None: nothing is known.
        state: `broken`: it surely is worse by more; `kept`: it surely is not; `open`: neither is sure yet.
    """

    metric: str
    allowed: float
    change: float | None
    pairs: int
    state: GuardWord


class LiveDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How one arm differs from another: `other` minus `base`.

    Attributes:
        pairs: differences that it rests on. interval: of the difference in the metric's unit; None: nothing is known.
        change: of a time or a cost, the same as a part of the base's. base_mean: what the base's own mean is, of these.
        p, p_adjusted: 1 by the e-value, and that by Holm for all arms.
        margin: how much worse is not worse; of times and costs as a part of the base's.
        judged: whether a die chose between the two; else nothing is claimed, and `word` is inconclusive.
        more_pairs: about how many more would decide it; 0: it is decided; None: nobody can say.
    """

    base: str
    other: str
    metric: str
    pairs: int
    interval: Interval | None
    change: float | None
    p: float
    p_adjusted: float
    margin: float
    judged: bool
    word: Word
    more_pairs: int | None
    guards: tuple[LiveGuard, ...]
    said: str = ""
    base_mean: float | None = None

    @property
    def broken(self) -> tuple[LiveGuard, ...]:
        return tuple(one for one in self.guards if one.state == "broken")


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    route, prompt: of which the traffic is; one of the two. since, until: Unix seconds.
    unit: whom arms were chosen for: `call`, `user` or `key`. level: of all claims together. least: pairs before
        anything is claimed.
    uncounted: calls of the period that are in no comparison, by the reason.
    notes: what makes the comparison less fair than it looks. best: of an experiment, how likely each arm is the best.
    """

    route: str
    prompt: str
    metric: str
    unit: str
    since: float
    until: float
    level: float
    arms: tuple[LiveArm, ...]
    differences: tuple[LiveDifference, ...]
    uncounted: Mapping[str, int]
    notes: tuple[str, ...]
    best: Mapping[str, float] = {}
    currency: str = ""
    least: int = 0
    format: int = FORMAT
