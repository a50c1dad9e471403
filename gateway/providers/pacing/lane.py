"""What stands against one more call to an upstream, or to one of its models, and who goes when nothing does.

Pure: every method takes the time, in seconds of a clock that never steps back.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.core.settable import settable
from gateway.core.share import Demand
from gateway.providers.pacing.concurrency import Concurrency
from gateway.providers.pacing.meters import (
    DAY_S,
    DIMENSIONS,
    INFINITY,
    MAX_HOLD_S,
    NOTHING,
    REQUESTS,
    TOKENS,
    Amounts,
    Meter,
    Reading,
    Told,
)
from gateway.providers.pacing.queue import FairQueue, Waiting

# An upstream has counted what reached it this long before it answered.
COUNTED_AFTER_S = 2.0
REFUSALS = frozenset({429, 503, 529})
_PERIODS = {1.0: "second", 60.0: "minute", 3600.0: "hour", DAY_S: "day", 30 * DAY_S: "month"}


@settable
class Leave(msgspec.Struct, gc=False):
    """A call that has left.

    Attributes:
        before: what had left before it, when `at`.
        gate, whole, waited_s: of whoever carries this out: where it left, its leave from the provider's own gate, and
            how long it waited.
    """

    amounts: Amounts
    before: Amounts
    at: float
    gate: Any = None
    whole: "Leave | None" = None
    waited_s: float = 0.0


def amounts_of(demand: Demand) -> Amounts:
    return (1.0, demand.input_tokens + demand.output_tokens, demand.input_tokens, demand.output_tokens)


class Lane:
    """Attributes:
    part: of the upstream's limits is this process's: one of so many workers.
    requests_per_s: kept by whoever carries this out; here only for guessing how long a queue takes.
    read_at: when an answer's headers were last read. short: something runs short, so that each is worth reading.
    """

    def __init__(
        self, *, tokens_per_minute: float | None = None, concurrency: int | None = None, part: float = 1.0,
        requests_per_s: float | None = None,
    ) -> None:  # fmt: skip
        self.queue = FairQueue()
        self.concurrency = Concurrency(concurrency)
        self.requests_per_s = requests_per_s
        self.tokens = None if tokens_per_minute is None else Meter(tokens_per_minute)
        self.told: dict[tuple[int, float], Told] = {}
        self.held_until = 0.0
        self._part = part
        self._sent = NOTHING
        # What had been sent at two moments at least COUNTED_AFTER_S apart: (when, what).
        self._older = self._newer = (0.0, NOTHING)
        self._service_s = 1.0
        self.read_at = self._heard_of = -1.0
        self.short = False

    @property
    def is_idle(self) -> bool:
        return not self.queue.length and not self.concurrency.under_way

    def is_roomy(self, now: float) -> bool:
        """Nothing is near any limit: a call may leave, and need not be measured closely."""
        busy = self.concurrency
        if self.tokens is not None or self.queue.length or self.held_until > now or busy.under_way >= busy.ceiling:
            return False
        for told in self.told.values():  # noqa: SIM110  a generator costs more than the loop
            if told.level < told.roomy:
                return False
        return True

    def wait_s(self, amounts: Amounts, now: float) -> float:
        """Seconds until a call may leave by the passing of time; 0 for now, infinity if another must end first."""
        if self.concurrency.is_full:
            return INFINITY
        wait = max(0.0, self.held_until - now)
        if self.tokens is not None:
            wait = max(wait, self.tokens.wait_s(amounts[TOKENS], now))
        for told in self._fresh(now):
            wait = max(wait, told.wait_s(amounts[told.dimension], now))
        return wait

    def leave(self, amounts: Amounts, now: float) -> Leave:
        """Count a call that leaves now."""
        if now - self._newer[0] >= COUNTED_AFTER_S:
            self._older, self._newer = self._newer, (now, self._sent)
        left = Leave(amounts, self._sent, now)
        requests, tokens, inputs, outputs = self._sent
        self._sent = (requests + 1, tokens + amounts[1], inputs + amounts[2], outputs + amounts[3])
        self.concurrency.under_way += 1
        if self.tokens is not None:
            self.tokens.take(amounts[TOKENS])
        for told in self.told.values():
            told.level -= amounts[told.dimension]
            if told.level < told.low:
                told.slow_down(amounts[told.dimension], now)
        return left

    def next(self, now: float) -> Waiting | None:
        """Take the call out of the queue whose turn it is, if it may leave now; then let it `leave`."""
        head = self.queue.head()
        if head is None or self.wait_s(amounts_of(head.demand), now) > 0:
            return None
        return self.queue.pop()

    def head_wait_s(self, now: float) -> float:
        """Seconds until the head of the queue may leave; infinity when only the end of another call helps."""
        head = self.queue.head()
        return INFINITY if head is None else self.wait_s(amounts_of(head.demand), now)

    def expected_s(self, demand: Demand, now: float) -> float:
        """Seconds that a call which comes now will wait, as far as can be foreseen."""
        amounts = amounts_of(demand)
        calls, tokens = self.queue.ahead(demand.share, max(1.0, amounts[TOKENS]))
        scale = tokens / max(1.0, amounts[TOKENS])
        waits = [self.held_until - now]
        if self.requests_per_s:
            waits.append((calls - 1) / self.requests_per_s)
        if self.tokens is not None:
            waits.append(self.tokens.expected_s(min(tokens, tokens - amounts[TOKENS] + self.tokens.capacity)))
        for told in self._fresh(now):
            own = amounts[told.dimension]
            ahead = calls - 1 if told.dimension == REQUESTS else own * (scale - 1)
            waits.append(min(told.expected_s(ahead + told.need(own), now), INFINITY if ahead else MAX_HOLD_S))
        if self.concurrency.ceiling < INFINITY:
            most = int(self.concurrency.ceiling)
            waits.append((self.concurrency.under_way + calls - most) * self._service_s / most)
        return max(0.0, *waits)

    def end(self, left: Leave, now: float) -> None:
        """A call that left is over."""
        busy = self.concurrency
        busy.under_way -= 1
        if busy.ceiling < INFINITY:
            self._service_s += (now - left.at - self._service_s) * 0.1

    def settle(self, left: Leave, used: float) -> None:
        """It used so many tokens."""
        if self.tokens is not None:
            self.tokens.correct(left.amounts[TOKENS] - used)

    def undo(self, left: Leave) -> None:
        """It never went."""
        self.concurrency.under_way -= 1
        for told in self.told.values():
            told.level += left.amounts[told.dimension]
        self.settle(left, 0.0)

    def hear(self, left: Leave, readings: list[Reading], now: float) -> None:
        """What the answer to a call tells of the limits. What left after the newest that was heard of is news."""
        self.read_at = now
        if readings and left.at >= self._heard_of:
            self._heard_of = left.at
            self._learn(left, readings, now)
        self.short = not self.is_roomy(now)

    def _learn(self, left: Leave, readings: list[Reading], now: float) -> None:
        seen = left.before
        if now - left.at > COUNTED_AFTER_S and self._newer[0] > left.at:
            counted = self._newer if now - self._newer[0] >= COUNTED_AFTER_S else self._older
            seen = counted[1] if counted[0] > left.at else seen
        for reading in readings:
            at = reading.dimension
            told = self.told.get((at, reading.period_s))
            if told is None:
                told = self.told[at, reading.period_s] = Told(at, reading.period_s)
            own = left.amounts[at] if seen is left.before else 0.0
            told.read(reading, self._sent[at] - seen[at] - own, now, self._part)

    def refuse(self, left: Leave, status: int, readings: list[Reading], after_s: float | None, now: float) -> None:
        """The upstream has refused a call for want of room. `after_s`: its retry-after."""
        expected = {key for key, told in self.told.items() if told.level + left.amounts[told.dimension] >= 1}
        self.hear(left, readings, now)
        if after_s is not None:
            self.held_until = max(self.held_until, now + min(after_s, MAX_HOLD_S))
        if status == 429 and readings:
            for reading in readings:
                key = (reading.dimension, reading.period_s)
                if reading.remaining < 1 and key in expected and key in self.told:
                    self.told[key].refused(now)
            return
        back_off_s = self.concurrency.refused(left.at, now)
        if status == 429 and after_s is None:
            self.held_until = max(self.held_until, now + back_off_s)

    def served(self, now: float) -> None:
        self.concurrency.answered(now)

    def _fresh(self, now: float) -> Iterator[Told]:
        for key, told in list(self.told.items()):
            if told.is_stale(now):
                del self.told[key]
            else:
                yield told

    def view(self, now: float) -> Mapping[str, Any]:
        """For operators: what is under way, what waits, what was learned."""
        limits = [
            {
                "limit": f"{DIMENSIONS[told.dimension]}_per_{_period(told.period_s)}",
                "maximum": round(told.limit / self._part),
                "remaining": max(0, round(told.level / self._part)),
            }
            for told in self._fresh(now)
        ]
        if self.concurrency.learned is not None:
            most = int(self.concurrency.learned)
            limits.append(
                {"limit": "concurrency", "maximum": most, "remaining": max(0, most - self.concurrency.under_way)}
            )
        return {
            "in_flight": self.concurrency.under_way,
            "queued": self.queue.length,
            "learned_limits": limits,
            "held_s": round(max(0.0, self.held_until - now), 3),
        }


def _period(seconds: float) -> str:
    return _PERIODS.get(seconds) or f"{seconds:g}s"
