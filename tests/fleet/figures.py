"""What a load's shots add up to. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from tests.fleet.load import Shot

WINDOW_S = 0.25
WINDOWS = 4
"""Full speed is so many windows of this length in a row without a wrong answer and with usual latency."""
USUAL = 1.5


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one group that were sent in one span of time. Latencies are of right answers, in seconds."""

    calls: int
    right: int
    p50_s: float
    p99_s: float
    wrong: dict[str, int]

    @property
    def success(self) -> float:
        return self.right / self.calls if self.calls else math.nan


def window(shots: Sequence[Shot], group: str, begin_s: float = 0.0, end_s: float = math.inf) -> Window:
    """The calls of a group that were sent from `begin_s` to before `end_s`."""
    found = [shot for shot in shots if shot.group == group and begin_s <= shot.sent_s < end_s]
    taken = [shot.took_s for shot in found if not shot.wrong]
    return Window(
        calls=len(found),
        right=len(taken),
        p50_s=percentile(taken, 0.5),
        p99_s=percentile(taken, 0.99),
        wrong=dict(Counter(shot.wrong for shot in found if shot.wrong)),
    )


def series(shots: Sequence[Shot], group: str, seconds: float, every_s: float = 1.0) -> list[Window]:
    """One window after the other."""
    count = math.ceil(seconds / every_s)
    return [window(shots, group, number * every_s, (number + 1) * every_s) for number in range(count)]


def back_after(shots: Sequence[Shot], group: str, at_s: float, until_s: float, usual_p50_s: float) -> float:
    """Seconds from `at_s` until the group is at full speed, and stays there for WINDOWS windows; infinite if it is
    not by `until_s`. A window is at full speed if all its calls were answered right, and half of them within USUAL
    times what is usual. Of a window without a call nothing is known, so it is."""
    in_a_row = 0
    number = 0
    while at_s + (number + 1) * WINDOW_S <= until_s:
        seen = window(shots, group, at_s + number * WINDOW_S, at_s + (number + 1) * WINDOW_S)
        fast = not seen.calls or (seen.right == seen.calls and seen.p50_s <= USUAL * usual_p50_s)
        in_a_row = in_a_row + 1 if fast else 0
        number += 1
        if in_a_row == WINDOWS:
            return (number - WINDOWS) * WINDOW_S
    return math.inf
