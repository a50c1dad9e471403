"""One arm's figures, of all its calls, added up as they pass."""

from gateway.compare.live.designs import REFUSED, Went
from gateway.compare.live.results import LiveArm
from gateway.compare.live.sketch import Sketch
from gateway.compare.statistics.interval import Interval


class Tally:
    """What one arm came to."""

    def __init__(self) -> None:
        self.outcomes = {"completed": 0, "failed": 0, "cancelled": 0}
        self.elsewhere = self.refusals = self.priced = self.cost_nano = 0
        self.input_tokens = self.output_tokens = self.rated = 0
        self.up = 0.0
        self.latency, self.ttft = Sketch(), Sketch()

    def add(self, call: Went) -> None:
        self.outcomes[call.outcome] += 1
        if call.cost_nano is not None:
            self.priced += 1
            self.cost_nano += call.cost_nano
        if call.outcome != "completed":
            return
        self.elsewhere += not call.own
        self.refusals += call.finish_reason in REFUSED
        self.latency.add(call.duration_us / 1e6)
        if call.stream and call.ttfb_us is not None:
            self.ttft.add(call.ttfb_us / 1e6)

    def used(self, input_tokens: int, output_tokens: int) -> None:
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def say(self, up: float) -> None:
        """What people said of one call: 1 up, 0 down, the mean of several."""
        self.rated += 1
        self.up += up

    def arm(self, name: str, metric: Interval | None) -> LiveArm:
        completed, failed = self.outcomes["completed"], self.outcomes["failed"]
        ended = completed + failed
        tokens = self.input_tokens + self.output_tokens > 0 and completed > 0
        return LiveArm(
            arm=name,
            calls=ended + self.outcomes["cancelled"],
            completed=completed,
            failed=failed,
            cancelled=self.outcomes["cancelled"],
            elsewhere=self.elsewhere,
            refusals=self.refusals,
            success_rate=(completed - self.elsewhere) / ended if ended else None,
            metric=metric,
            cost_nano=self.cost_nano,
            cost_per_thousand_nano=self.cost_nano * 1_000 // self.priced if self.priced else None,
            unpriced=completed - min(completed, self.priced),
            latency_s=self.latency.quantiles(),
            ttft_s=self.ttft.quantiles(),
            input_tokens=self.input_tokens / completed if tokens else None,
            output_tokens=self.output_tokens / completed if tokens else None,
            rated=self.rated,
            thumbs_up=self.up / self.rated if self.rated else None,
        )
