"""All that paces one provider: a gate for itself, one for each of its models, and what its answers teach these."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.core.call import Call
from gateway.core.globs import compile_globs
from gateway.core.share import Demand, Share
from gateway.providers.options import Pace, PacingOptions
from gateway.providers.pacing.gate import Gate
from gateway.providers.pacing.lane import OVERLOADED, Lane, Leave
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


class Turn:
    """A call that may leave, and its place at the gates.

    Attributes:
        waited_s: how long it waited. whole: its place at the provider's own gate.
    """

    __slots__ = ("gate", "left", "waited_s", "whole")

    def __init__(self, gate: Gate, left: Leave) -> None:
        self.gate = gate
        self.left = left
        self.whole: Leave | None = None
        self.waited_s = 0.0


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

    async def send(self, call: Call, model: str, send: Callable[[], Awaitable[Exchange]]) -> Exchange:
        """Send a call when its turn has come; its place is given back when the exchange is over.

        Raises:
            UpstreamBusy: too many wait already, or the turn would not come in time.
        """
        turn = self.leave(call, model)
        if turn is None:
            turn = await self.enter(call, model)
            call.record.queued_us += int(turn.waited_s * 1e6)
        try:
            exchange = await send()
        except BaseException:
            self.end(turn)
            raise
        exchange.ended = lambda: self.end(turn)
        self.hear(turn, exchange.status, exchange.headers)
        if self._settles:
            self._settle_later(call, turn, exchange.status)
        return exchange

    def leave(self, call: Call, model: str) -> Turn | None:
        """The turn of a call that may leave at once because nothing is near any limit; None: `enter` knows."""
        if self._whole is not None:
            return None
        gate, now = self._gates.get(model) or self._open(model), self._now()
        lane = gate.lane
        if lane.requests_per_s or not lane.is_roomy(now):
            return None
        tokens = call.record.bytes_in // BYTES_PER_TOKEN
        return Turn(gate, lane.leave((1.0, tokens + OUTPUT_TOKENS, tokens, OUTPUT_TOKENS), now))

    async def enter(self, call: Call, model: str) -> Turn:
        """Wait for a call's turn.

        Raises:
            UpstreamBusy: too many wait already, or the turn would not come in time.
        """
        gate, began = self._gates.get(model) or self._open(model), self._now()
        demand, deadline = self._demand_of(call), began + self._options.max_wait_s
        turn = Turn(gate, await gate.enter(demand, deadline))
        if self._whole is not None:
            try:
                turn.whole = await self._whole.enter(demand, deadline)
            except BaseException:
                gate.lane.undo(turn.left)
                gate.changed()
                raise
        turn.waited_s = self._now() - began
        return turn

    def hear(self, turn: Turn, status: int, headers: Headers) -> None:
        """Learn from an answer's status and headers."""
        if not self._options.learn:
            return
        lane, left = turn.gate.lane, turn.left
        if status == 429 or status in OVERLOADED:
            wall = self._wall()
            lane.refuse(left, status, read_told(headers, wall), retry_after_s(headers, wall), self._now())
        else:
            if lane.concurrency.learned is not None and status < 400:
                lane.served(self._now())
            if not lane.needs_reading(self._now(), READ_EVERY_S):
                return
            lane.hear(left, read_told(headers, self._wall()), self._now())
        turn.gate.changed()

    def end(self, turn: Turn) -> None:
        now = self._now()
        turn.gate.lane.end(turn.left, now)
        turn.gate.changed()
        if self._whole is not None and turn.whole is not None:
            self._whole.lane.end(turn.whole, now)
            self._whole.changed()

    def _settle_later(self, call: Call, turn: Turn, status: int) -> None:
        """Put the estimate right: at once for a call that the upstream refuses, else when it is known what it used."""
        if status >= 400:
            self._settle(turn, 0)
            return

        def settle() -> None:
            usage = call.served.usage
            if usage is not None:
                self._settle(turn, usage.total_tokens)

        call.on_close(settle)

    def _settle(self, turn: Turn, used: float) -> None:
        turn.gate.lane.settle(turn.left, used)
        if self._whole is not None and turn.whole is not None:
            self._whole.lane.settle(turn.whole, used)

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
