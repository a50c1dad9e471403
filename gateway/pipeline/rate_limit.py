"""Reserve before the call, settle after it, tell the caller what is left."""

from collections.abc import Sequence

from gateway.catalogue.prices.tariffs import DEARER_TIERS
from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.cohort import others_first
from gateway.core.model import Permit
from gateway.core.target import Target
from gateway.core.usage import Usage
from gateway.dialects.statements import tier_word
from gateway.limits.bounds import NOTHING, Bound, Hold, Need, Refusal
from gateway.limits.headers import least_headers, quota_headers, refused_level, warning
from gateway.limits.matching import NOTHING_ASKED, Asked
from gateway.limits.waiting import Waiting
from gateway.pipeline.estimate import counted_in_tokens, estimated_tokens, estimated_usage
from gateway.pipeline.limit_refusals import refuse_what_never_fits, refused, unpriced
from gateway.pipeline.parts import Parts


def rate_limit(parts: Parts) -> Layer:
    limits, now = parts.limits, parts.clock.now
    reserve = parts.counters.reserve
    waiting = Waiting(parts.counters, parts.clock.monotonic, parts.limiting.waited)

    def layer(service: Service) -> Service:
        async def limited(call: Call) -> Reply:
            if call.in_cohort:
                await others_first()
            policy, permits = limits.value, call.permits
            permit = permits[0]
            if len(permits) > 1 and (policy.counts_money or _of_several_models(permits)):
                # The limits on the target that it will go to: another one that policy permits as well may cost less.
                permit = parts.choose(call) or permit
            asked = asked_of(call) if policy.asks else NOTHING_ASKED
            at = now()
            held = policy.bounds(call.caller, permit.model.name, at, asked)
            need = NOTHING
            if held:
                held, need = needed(held, permit.model.target, call, at, parts)
                refuse_what_never_fits(held, need)
                reserving = _in_line(call, held, need, waiting, parts) if policy.queues else reserve(held, need)
                _admit(call, held, need, await reserving, parts, waiting)

            async def admit(other: Permit) -> None:
                """Should another model serve it: what limits on that one say, and what it costs more."""
                at = now()
                bounds = policy.bounds(call.caller, other.model.name, at, asked)
                if not bounds:
                    return
                bounds, other_need = needed(bounds, other.model.target, call, at, parts)
                keys = {bound.key for bound in held}
                if more := [bound for bound in bounds if bound.key not in keys]:
                    hold = await _in_line(call, more, other_need, waiting, parts)
                    _admit(call, more, other_need, hold, parts, waiting)
                money = [bound for bound in held if bound.dimension == "cost"]
                if money and (dearer := (other_need.nano or 0) - (need.nano or 0)) > 0:
                    await _reserve_more(call, money, dearer, parts, waiting)

            call.admit = admit
            return await service(call)

        return limited

    return layer


def _of_several_models(permits: Sequence[Permit]) -> bool:
    return len({one.model.name for one in permits}) > 1


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


async def _reserve_more(call: Call, money: Sequence[Bound], nano: int, parts: Parts, waiting: Waiting) -> None:
    """Hold what a dearer target may cost more; the call's own reservation settles to the truth.

    Raises:
        RateLimited, BudgetExhausted: there is not so much left.
    """
    hold = await waiting.reserve(money, Need(0, 0, nano, requests=0))
    if isinstance(hold, Refusal):
        parts.limiting.limited(hold)
        raise refused(hold, parts.clock.now())
    call.on_end(lambda: parts.counters.settle(hold, NOTHING))


async def _in_line(call: Call, bounds: Sequence[Bound], need: Need, waiting: Waiting, parts: Parts) -> Hold | Refusal:
    """Reserve, and note on the record for how long the call was kept waiting by limits that may do so."""
    monotonic = parts.clock.monotonic
    began = monotonic()
    try:
        return await waiting.reserve(bounds, need)
    finally:
        if any(bound.queue_s for bound in bounds):
            call.record.queued_us += int((monotonic() - began) * 1e6)


def _admit(
    call: Call, bounds: Sequence[Bound], need: Need, hold: Hold | Refusal, parts: Parts, waiting: Waiting
) -> None:
    """Tell what is left, and see to it that the reservation is settled however the call ends.

    Raises:
        RateLimited, BudgetExhausted: a limit is reached. Overloaded: it cannot be asked, and says `refuse` then.
    """
    reports, dialect, now = parts.limiting, call.operation.dialect, parts.clock.now()
    if isinstance(hold, Refusal):
        reports.limited(hold)
        call.reply_headers.update(quota_headers(hold.levels or [refused_level(hold)], dialect, now))
        raise refused(hold, now)

    def settle() -> None:
        parts.counters.settle(hold, used(call, need, bounds, parts))
        waiting.freed(bounds)

    call.on_end(settle)
    call.reply_headers.update(least_headers(hold.least, dialect, now))
    if parts.limits.value.counts_money:
        reports.counted(hold.levels)
    if hold.warned:
        reports.warned(hold.warned)
        call.reply_headers["x-gateway-warning"] = warning(hold.warned)


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
