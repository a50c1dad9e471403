"""Reserve before the call, settle after it, tell the caller what is left."""

from collections.abc import Awaitable, Sequence
from functools import partial

import msgspec

from gateway.catalogue.prices.tariffs import DEARER_TIERS
from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.cohort import others_first
from gateway.core.model import Permit
from gateway.core.target import Target
from gateway.core.usage import Usage
from gateway.dialects.statements import tier_word
from gateway.limits.bounds import NOTHING, Bound, Hold, Need, Refusal, tightest
from gateway.limits.headers import put_quotas, refused_level, warning
from gateway.limits.matching import NOTHING_ASKED, Asked
from gateway.limits.waiting import Waiting
from gateway.pipeline.estimate import counted_in_tokens, estimated_tokens, estimated_usage
from gateway.pipeline.limit_refusals import refuse_what_never_fits, refused, unpriced
from gateway.pipeline.parts import Parts


class _Limiter:
    """The step itself: what every call's reservation needs."""

    __slots__ = ("parts", "waiting")

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.waiting = Waiting(parts.counters, parts.clock.monotonic, parts.limiting.waited)

    async def in_line(self, call: Call, bounds: Sequence[Bound], need: Need) -> Hold | Refusal:
        """Reserve, and note on the record for how long the call was kept waiting by limits that may do so."""
        monotonic = self.parts.clock.monotonic
        began = monotonic()
        try:
            return await self.waiting.reserve(bounds, need)
        finally:
            if any(bound.queue_s for bound in bounds):
                call.record.queued_us += int((monotonic() - began) * 1e6)

    def held(
        self, call: Call, found: Hold | Refusal, bounds: Sequence[Bound], need: Need, target: Target, now: float
    ) -> "_Reservation":
        """The reservation, which is settled however the call ends; and what is left is told.

        Args:
            target: what `need` is of. now: Unix seconds.

        Raises:
            RateLimited, BudgetExhausted: a limit is reached. Overloaded: it cannot be asked, and says `refuse` then.
        """
        parts, dialect, headers = self.parts, call.operation.dialect, call.reply_headers
        reports = parts.limiting
        if isinstance(found, Refusal):
            reports.limited(found)
            levels = found.levels or [refused_level(found)]
            put_quotas(headers, tightest(levels).__getitem__, dialect, now)
            raise refused(found, now, parts.prices.value.currency, partial(sent, bounds, target, call, now, parts))
        reservation = _Reservation(self, call, bounds, need, found)
        call.on_end(reservation.settle)
        put_quotas(headers, found.least, dialect, now)
        if parts.limits.value.counts_money:
            reports.counted(found.levels)
        if found.warned:
            reports.warned(found.warned)
            headers["x-gateway-warning"] = warning(found.warned, parts.prices.value.currency)
        return reservation


class _Reservation:
    """What one call is counted as: in `bounds`, for as much as it was taken to need; without a hold in none, and then
    there is nothing to settle. Its `settle` is an ending of the call, its `admit` what `Call.admit` is to be: one
    object in the place of two closures and of all that they would close over.

    Attributes:
        counted: keys of all bounds that count the call by now; None: those of `bounds`. nano: what is held of money.
    """

    __slots__ = ("bounds", "call", "counted", "hold", "limiter", "nano", "need")

    def __init__(self, limiter: _Limiter, call: Call, bounds: Sequence[Bound], need: Need, hold: Hold | None) -> None:
        self.limiter = limiter
        self.call = call
        self.bounds = bounds
        self.need = need
        self.hold = hold
        self.counted: set[str] | None = None
        self.nano = need.nano or 0

    def settle(self, call: Call) -> None:
        assert self.hold is not None, "what nothing counts is not settled"
        parts, bounds = self.limiter.parts, self.bounds
        parts.counters.settle(self.hold, used(call, self.need, bounds, parts))
        self.limiter.waiting.freed(bounds)

    async def admit(self, other: Permit) -> None:
        """Should another model serve it: what limits on that one say, and what it costs more. What counts the call
        already does not count it again."""
        limiter, call = self.limiter, self.call
        parts = limiter.parts
        policy, at = parts.limits.value, parts.clock.now()
        bounds = policy.bounds(call.caller, other.model.name, at, asked_of(call) if policy.asks else NOTHING_ASKED)
        if not bounds:
            return
        target = other.model.target
        bounds, need = needed(bounds, target, call, at, parts)
        if self.counted is None:
            self.counted = {bound.key for bound in self.bounds}
        if more := [bound for bound in bounds if bound.key not in self.counted]:
            limiter.held(call, await limiter.in_line(call, more, need), more, need, target, parts.clock.now())
            self.counted.update(bound.key for bound in more)
        money = [bound for bound in self.bounds if bound.dimension == "cost"]
        if money and (dearer := (need.nano or 0) - self.nano) > 0:
            await self._hold_more(money, dearer, target)
            self.nano += dearer

    async def _hold_more(self, money: Sequence[Bound], nano: int, target: Target) -> None:
        """Hold what a dearer target may cost more; the call's own reservation settles to the truth.

        Raises:
            RateLimited, BudgetExhausted: there is not so much left.
        """
        parts = self.limiter.parts
        hold = await self.limiter.waiting.reserve(money, Need(0, 0, nano, requests=0))
        if isinstance(hold, Refusal):
            parts.limiting.limited(hold)
            now = parts.clock.now()
            raise refused(hold, now, parts.prices.value.currency, partial(self._sent_more, money, target, now))
        self.call.on_end(lambda call: parts.counters.settle(hold, NOTHING))  # noqa: ARG005  an ending's signature

    def _sent_more(self, money: Sequence[Bound], target: Target, now: float) -> Need:
        """Of what it sends alone, what is not held yet."""
        alone = sent(money, target, self.call, now, self.limiter.parts)
        return Need(0, 0, max(0, (alone.nano or 0) - self.nano), requests=0)


def rate_limit(parts: Parts) -> Layer:
    limits, now, decide = parts.limits, parts.clock.now, parts.counters.decide
    limiter = _Limiter(parts)

    def layer(service: Service) -> Service:
        def limited(call: Call) -> Awaitable[Reply]:
            return side_by_side(call) if call.in_cohort else count(call)

        async def side_by_side(call: Call) -> Reply:
            await others_first()
            return await count(call)

        def count(call: Call) -> Awaitable[Reply]:
            policy, permits = limits.value, call.permits
            permit = permits[0]
            if len(permits) > 1 and (policy.counts_money or _of_several_models(permits)):
                # The limits on the target that it will go to: another one that policy permits as well may cost less.
                permit = parts.choose(call) or permit
            asked = asked_of(call) if policy.asks else NOTHING_ASKED
            at = now()
            bounds = policy.bounds(call.caller, permit.model.name, at, asked)
            if not bounds:
                call.admit = _Reservation(limiter, call, (), NOTHING, None).admit
                return service(call)
            target = permit.model.target
            bounds, need = needed(bounds, target, call, at, parts)
            if decide is None or policy.queues:
                never_fits(call, bounds, need, target, at)
                return reserved(call, bounds, need, target)
            found = decide(bounds, need)
            if isinstance(found, Refusal):
                never_fits(call, bounds, need, target, at)  # it is always refused here; only then is it worth a look
            call.admit = limiter.held(call, found, bounds, need, target, at).admit
            return service(call)

        def never_fits(call: Call, bounds: Sequence[Bound], need: Need, target: Target, at: float) -> None:
            alone = partial(sent, bounds, target, call, at, parts)
            refuse_what_never_fits(bounds, need, parts.prices.value.currency, alone)

        async def reserved(call: Call, bounds: Sequence[Bound], need: Need, target: Target) -> Reply:
            """The same where others are to be asked, or calls may be kept waiting."""
            found = await limiter.in_line(call, bounds, need)
            call.admit = limiter.held(call, found, bounds, need, target, now()).admit
            return await service(call)

        return limited

    return layer


def _of_several_models(permits: Sequence[Permit]) -> bool:
    name = permits[0].model.name
    for one in permits:  # noqa: SIM110  no generator: every call comes by here
        if one.model.name != name:
            return True
    return False


def needed(
    bounds: Sequence[Bound], target: Target, call: Call, at: float, parts: Parts
) -> tuple[Sequence[Bound], Need]:
    """What the call may need at a target, and the bounds that count it.

    Raises:
        NotAllowed: as `priced`.
    """
    policy = parts.limits.value
    if not (policy.counts_money and call.operation.billed):
        into, out = estimated_tokens(call, policy.default_output_tokens)
        return bounds, Need(into, out)
    usage = estimated_usage(call, policy.default_output_tokens)
    bounds, nano = priced(bounds, target, usage, call, at, parts)
    return bounds, Need(usage.total_input, usage.total_output, nano)


def sent(bounds: Sequence[Bound], target: Target, call: Call, at: float, parts: Parts) -> Need:
    """Of what the call may need at a target, the part that is for what it sends: so much it needs whatever the longest
    answer is that it asks for."""
    usage = estimated_usage(call, parts.limits.value.default_output_tokens)
    usage = msgspec.structs.replace(usage, output_tokens=0)
    _, nano = priced(bounds, target, usage, call, at, parts) if call.operation.billed else (bounds, 0)
    return Need(usage.total_input, usage.total_output, nano)


def asked_of(call: Call) -> Asked:
    record = call.record
    return Asked(record.user, record.prompt_id.partition("@")[0], record.agent, record.run_id)  # whatever its version


def priced(
    bounds: Sequence[Bound], target: Target, usage: Usage, call: Call, at: float, parts: Parts
) -> tuple[Sequence[Bound], int | None]:
    """What the call may cost, and the bounds that count it: without a known price, each limit on money says what then.

    Raises:
        NotAllowed: one says that it is not made then, or nobody knows even the highest that it could cost.
    """
    if not any(bound.dimension == "cost" for bound in bounds):
        return bounds, 0
    caller, tier = call.caller, dearer_tier(call)
    nano = parts.estimate_cost(target, usage, caller, at, tier)
    if nano is None and not usage.total_output:
        nano = parts.estimate_cost(target, counted_in_tokens(usage), caller, at, tier)
    if nano is not None:
        return bounds, nano
    bounds = [bound for bound in bounds if bound.dimension != "cost" or bound.on_unpriced != "allow"]
    counting = [bound for bound in bounds if bound.dimension == "cost"]
    if not counting:
        return bounds, None
    ceiling = None
    if all(bound.on_unpriced == "charge_ceiling" for bound in counting):
        ceiling = parts.ceiling_cost(target, usage, at)
    if ceiling is None:
        raise unpriced(next((one for one in counting if one.on_unpriced == "deny"), counting[0]), target)
    return bounds, ceiling


def dearer_tier(call: Call) -> str:
    """The service tier that the request asks for, if it is one that costs more."""
    asked = tier_word(call.fields.get("service_tier"))
    return asked if asked in DEARER_TIERS else ""


def used(call: Call, need: Need, bounds: Sequence[Bound], parts: Parts) -> Need:
    """What the call turned out to use. The record knows: it has been priced by the time this is asked."""
    record = call.record
    asked = call.served.asked or len(call.attempts) > 1
    if not asked and record.outcome != "completed":
        return NOTHING  # nothing was asked of anybody
    usage = record.usage
    if usage is None:
        # Whole and billed, but nobody says what it used: what was taken for it stands.
        return need if record.pricing == "unpriced" else Need()
    nano = record.cost_nano
    if nano is None and record.pricing == "unpriced" and any(bound.dimension == "cost" for bound in bounds):
        nano = need.nano
        if call.target is not None:
            ceiling = parts.ceiling_cost(call.target, usage, record.started_ns / 1e9)
            nano = need.nano if ceiling is None else ceiling
    return Need(usage.total_input, usage.total_output, nano)
