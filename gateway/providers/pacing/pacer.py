"""All that paces one provider: a gate for itself, one for each of its models, and what its answers teach these."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gateway.core.call import Call
from gateway.core.globs import compile_globs
from gateway.core.share import Demand, Share
from gateway.providers.options import Pace, PacingOptions
from gateway.providers.pacing.gate import Gate
from gateway.providers.pacing.lane import REFUSALS, Lane, Leave
from gateway.providers.pacing.told import Headers, read_told, retry_after_s
from gateway.transport.client import Exchange

MAX_MODELS = 500
# While nothing is short, an answer's headers are read so often.
READ_EVERY_S = 0.05
# What a call is taken to need while nothing is short, when to look closer would cost more than it tells.
BYTES_PER_TOKEN, OUTPUT_TOKENS = 3, 1_024

DemandOf = Callable[[Call], Demand]


def rough_demand(call: Call) -> Demand:
    """By the size of the request alone; every tenant's calls weigh the same."""
    return Demand(Share(call.caller.tenant), call.record.bytes_in // BYTES_PER_TOKEN, OUTPUT_TOKENS)


class Pacer:
    """One per provider and worker.

    With several workers each keeps to its part of what is configured and of what the upstream says is left; what it
    finds out about concurrency it finds out for itself.
    """

    def __init__(
        self,
        options: PacingOptions,
        provider: str,
        workers: int,
        demand_of: DemandOf,
        now: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._options = options
        self._learn = options.learn
        self._provider = provider
        self._part = 1 / workers
        self._demand_of = demand_of
        self._now = now
        self._wall = wall
        self._paces = [(compile_globs((glob,)), pace) for glob, pace in options.models.items()]
        self._gates: dict[str, Gate] = {}
        own = Pace(options.requests_per_minute, options.tokens_per_minute, options.concurrency)
        self._whole = self._gate(provider, own) if own != Pace() else None
        self._settles = any(pace.tokens_per_minute for pace in (own, *options.models.values()))

    def leave(self, call: Call, model: str) -> Leave | None:
        """A call that may leave at once because nothing is near any limit has left; None: `enter` must look. Whoever
        has left says what came of it: `answered`, or `end`."""
        if self._whole is not None:
            return None
        gate, now = self._gates.get(model) or self._open(model), self._now()
        lane = gate.lane
        if lane.requests_per_s or not lane.is_roomy(now):
            return None
        tokens = call.record.bytes_in // BYTES_PER_TOKEN
        left = lane.leave((1.0, tokens + OUTPUT_TOKENS, tokens, OUTPUT_TOKENS), now)
        left.gate = gate
        return left

    async def enter(self, call: Call, model: str) -> Leave:
        """Wait for a call's turn; its record tells how long that took.

        Raises:
            UpstreamBusy: too many wait already, or the turn would not come in time.
        """
        gate, began = self._gates.get(model) or self._open(model), self._now()
        demand, deadline = self._demand_of(call), began + self._options.max_wait_s
        gate.lane.short = True
        left = await gate.enter(demand, deadline)
        left.gate = gate
        if self._whole is not None:
            try:
                left.whole = await self._whole.enter(demand, deadline)
            except BaseException:
                gate.lane.undo(left)
                gate.changed()
                raise
        left.waited_s = self._now() - began
        call.record.queued_us += int(left.waited_s * 1e6)
        return left

    def answered(self, call: Call, left: Leave, exchange: Exchange) -> None:
        """A call that left is answered; its place is given back when the exchange is over."""
        exchange.ended = partial(self.end, left)
        self.hear(left, exchange.status, exchange.headers)
        if self._settles:
            self._settle_later(call, left, exchange.status)

    def hear(self, left: Leave, status: int, headers: Headers) -> None:
        """Learn from an answer's status and headers."""
        if not self._learn:
            return
        lane, now = left.gate.lane, self._now()
        if status in REFUSALS:
            wall = self._wall()
            lane.refuse(left, status, read_told(headers, wall), retry_after_s(headers, wall), now)
        else:
            if lane.concurrency.learned is not None and status < 400:
                lane.served(now)
            elif now - lane.read_at < READ_EVERY_S and not lane.short:
                return
            lane.hear(left, read_told(headers, self._wall()), now)
        left.gate.changed()

    def end(self, left: Leave) -> None:
        """The exchange is over."""
        now, gate = self._now(), left.gate
        gate.lane.end(left, now)
        if gate.handing_out is not None:
            gate.changed()
        if self._whole is not None and left.whole is not None:
            self._whole.lane.end(left.whole, now)
            self._whole.changed()

    def _settle_later(self, call: Call, left: Leave, status: int) -> None:
        """Put the estimate right: at once for a call that the upstream refuses, else when it is known what it used."""
        if status >= 400:
            self._settle(left, 0)
            return

        def settle() -> None:
            usage = call.served.usage
            if usage is not None:
                self._settle(left, usage.total_tokens)

        call.on_close(settle)

    def _settle(self, left: Leave, used: float) -> None:
        left.gate.lane.settle(left, used)
        if self._whole is not None and left.whole is not None:
            self._whole.lane.settle(left.whole, used)

    def view(self) -> Mapping[str, Any]:
        """What is under way, what waits and what was learned: of the provider, and of each of its models."""
        now = self._now()
        models = {model: gate.lane.view(now) for model, gate in self._gates.items()}
        gates = [*models.values(), *([self._whole.lane.view(now)] if self._whole is not None else [])]
        return {
            "in_flight": sum(view["in_flight"] for view in models.values()),
            "queued": sum(view["queued"] for view in gates),
            "models": models,
        }

    def _open(self, model: str) -> Gate:
        if len(self._gates) >= MAX_MODELS:
            for name in [name for name, gate in self._gates.items() if gate.lane.is_idle][: MAX_MODELS // 2]:
                del self._gates[name]
        pace = next((pace for matches, pace in self._paces if matches(model)), Pace())
        gate = self._gates[model] = self._gate(f"{self._provider}/{model}", pace)
        return gate

    def _gate(self, name: str, pace: Pace) -> Gate:
        part = self._part
        lane = Lane(
            requests_per_s=pace.requests_per_minute and pace.requests_per_minute * part / 60,
            tokens_per_minute=pace.tokens_per_minute and pace.tokens_per_minute * part,
            concurrency=pace.concurrency and max(1, int(pace.concurrency * part)),
            part=part,
        )
        return Gate(lane, name, self._options.max_queue, self._options.max_wait_s, self._now)
