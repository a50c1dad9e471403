"""What a call used and what that costs, put on its record before anything settles or writes.

Each upstream call is an attempt with charges of its own. The one that served is the team's to pay; what retries,
mirrors and judges cost goes to accounts of their own (`core/attempt.py`).
"""

from collections.abc import Awaitable
from operator import attrgetter

import msgspec

from gateway.catalogue.prices import Priced
from gateway.core.attempt import Attempt, AttemptOutcome
from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.record import Outcome
from gateway.pipeline.estimate import known_usage
from gateway.pipeline.parts import Parts
from gateway.router.attempts import raw_text

_OUTCOMES: dict[Outcome, AttemptOutcome] = {"completed": "completed", "cancelled": "cancelled"}


def accounting(parts: Parts) -> Layer:
    def ending(call: Call) -> None:
        account(call, parts)

    def layer(service: Service) -> Service:
        def accounted(call: Call) -> Awaitable[Reply]:
            call.on_end(ending)
            return service(call)

        return accounted

    return layer


def account(call: Call, parts: Parts) -> None:
    """Close and price the attempts; the record's own usage and cost are those of the one that served."""
    if not call.attempts:
        return
    last = _last(call)
    # None of them served where a kept answer was given in their place.
    serving = None if call.record.cache else last
    if serving is not None:
        _close_last(call, serving)
    try:
        for attempt in call.attempts:
            _price(call, attempt, parts)
    finally:
        # Whatever goes wrong with prices, what was used is recorded and counted.
        attempts = call.attempts
        # A hedge that won stands last, and was not begun last.
        call.record.attempts = tuple(attempts if len(attempts) == 1 else sorted(attempts, key=attrgetter("n")))
        if serving is not None:
            _sum_up(call, serving)


def _last(call: Call) -> Attempt | None:
    """The attempt that the client heard of, if any did: neither what guards asked of judges, nor one that had failed
    before the client gave up waiting for the next."""
    for one in reversed(call.attempts):
        if one.role != "judge" and one.outcome == "open":
            return one
    return None


def price_so_far(call: Call, parts: Parts) -> int | None:
    """What a call under way would cost if it ended now, in nano-units; None without a known price. Nothing is noted."""
    last = _last(call)
    if last is None:
        return call.record.cost_nano
    attempt = msgspec.structs.replace(last)
    _close_last(call, attempt)
    _price(call, attempt, parts)
    return attempt.cost_nano


def account_apart(call: Call, parts: Parts) -> None:
    """The same for a call that the team did not make: its attempts have their usage and their costs, and somebody else
    pays; on the record, which says what the team used and pays, is nothing."""
    for attempt in call.attempts:
        _close_last(call, attempt)
        attempt.served = False
    call.record.attempts = tuple(call.attempts)
    for attempt in call.attempts:
        _price(call, attempt, parts)


def _sum_up(call: Call, last: Attempt) -> None:
    record = call.record
    record.usage, record.usage_source = last.usage, last.usage_source
    record.served_model, record.finish_reason = last.served_model, last.finish_reason
    record.upstream_request_id, record.response_id = last.upstream_request_id, call.served.response_id
    record.pricing, record.price_version = last.pricing, last.price_version
    record.cost_nano, record.list_nano = last.costs


def _close_last(call: Call, attempt: Attempt) -> None:
    """From what is known of the call: its last attempt is the one that the client heard of."""
    record, served = call.record, call.served
    attempt.served = True
    # What a guard keeps back of an answer is no caller's mistake.
    by_caller = record.outcome == "refused" and record.blame == "caller"
    attempt.outcome = "refused" if by_caller else _OUTCOMES.get(record.outcome, "failed")
    attempt.status, attempt.error_code = record.status, record.error_code
    attempt.served_model, attempt.finish_reason = served.model, served.finish_reason
    attempt.upstream_request_id = served.request_id
    attempt.usage, attempt.usage_source = known_usage(call)
    attempt.raw_usage = raw_text(served.raw_usage)
    attempt.terms = served.terms
    before_us = (attempt.started_ns - record.started_ns) // 1000
    if before_us < 0:
        before_us = 0
    left_us = record.duration_us - before_us
    attempt.duration_us = max(0, left_us)
    if record.ttfb_us is not None:
        attempt.ttfb_us = max(0, record.ttfb_us - before_us)


def _price(call: Call, attempt: Attempt, parts: Parts) -> None:
    """By the price book of today; unpriced is a state of its own, never zero."""
    usage = attempt.usage
    if not call.operation.billed or (usage is None and attempt.outcome != "completed"):
        return
    if usage is None:
        attempt.pricing, attempt.unpriced = "unpriced", "the upstream did not say what was used"
        return
    attempt.pricing, attempt.unpriced = "unpriced", "the price book could not price it"
    record, (provider, _, model) = call.record, attempt.target.partition("/")
    asked = Priced(
        provider=provider,
        model=model,
        served_model=attempt.served_model,
        usage=usage,
        terms=attempt.terms,
        at_s=attempt.started_ns / 1e9,
        duration_us=attempt.duration_us,
        tenant=record.tenant,
        team=record.team,
        paid=bool(attempt.account),
    )
    costed = parts.prices.value.charges(asked)
    attempt.pricing, attempt.price_version, attempt.unpriced = costed.pricing, costed.price_version, costed.unpriced
    attempt.charges = costed.charges
    if costed.doubt:
        parts.doubted(attempt.provider, costed.doubt)
