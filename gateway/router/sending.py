"""One attempt carried out: a target asked, what came of it told to its standing and to the record."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.attempt import Attempt, Role
from gateway.core.call import Call, Reply, Service
from gateway.core.clock import Clock
from gateway.core.faults import Fault, Shed, UpstreamResting, UpstreamTimeout
from gateway.core.model import Permit
from gateway.core.usage import Usage
from gateway.limits.estimate import input_tokens
from gateway.providers.pacing.told import retry_after_s
from gateway.router.attempts import begun, closed
from gateway.router.hedging import Patience
from gateway.router.lifecycle import lifecycle_headers
from gateway.router.loading import RouteRule
from gateway.router.standing import Standing, Standings
from gateway.router.troubles import REMEDIES, trouble_of_fault, trouble_of_reply
from gateway.router.trying import Failure, Next, Tried

# So many tokens take about as long as a call takes in any case.
INPUT_TOKENS, OUTPUT_TOKENS = 1_000, 50


class Sender:
    """`providers`: the configured ones, by name. `die`: 0 to below 1."""

    def __init__(
        self,
        providers: Mapping[str, Service],
        standings: Standings,
        clock: Clock,
        die: Callable[[], float],
        patience: Patience,
        is_batch: Callable[[Call, Permit], bool],
    ) -> None:
        self.providers = providers
        self.standings = standings
        self._clock = clock
        self._die = die
        self._patience = patience
        self._is_batch = is_batch

    def is_asked(self, call: Call, permit: Permit, now: float) -> bool:
        standing = self.standings.of(permit.model.place)
        return not (standing.draining or standing.breaker.bars(now) or self._is_full(call, permit, standing))

    def _is_full(self, call: Call, permit: Permit, standing: Standing) -> bool:
        return standing.is_full(self.standings.overload, lambda: self._is_batch(call, permit))

    async def attempt(self, call: Call, following: Next, rule: RouteRule) -> Tried:
        permit, clock = following.permit, self._clock
        standing, now = self.standings.of(permit.model.place), clock.monotonic()
        if standing.draining or standing.breaker.bars(now):
            return Tried(fault=_resting(standing, now), failure=Failure("busy"))
        if self._is_full(call, permit, standing):
            standing.passed_over += 1
            return Tried(fault=_full(), failure=Failure("busy"))
        attempt = self._begin(call, permit, following.role)
        number = standing.begun(now)
        call.on_close(lambda: standing.ended(number))
        try:
            reply = await self._sent(call, permit, rule, now)
        except Fault as fault:
            trouble = trouble_of_fault(fault)
            if trouble is None:
                raise
            failure = Failure(trouble, _status(fault), _after_s(fault.headers.items(), clock.now()))
            tried = Tried(attempt, None, fault, failure)
        else:
            trouble = trouble_of_reply(reply)
            if trouble is None:
                answered = clock.monotonic()
                standing.measured(number, call.stream, _size(call), answered, self.standings.overload)
                standing.answered(number, answered)
                if rule.route.hedge is not None:
                    self._patience.took(rule.name, answered - now)
                return Tried(attempt, reply)
            failure = Failure(trouble, reply.status, _after_s(reply.headers, clock.now()))
            tried = Tried(attempt, reply, None, failure)
        if failure.trouble == "timeout":
            standing.gave_up(number, call.stream, clock.monotonic(), self.standings.overload)
        self._note_failure(standing, failure)
        return tried

    async def _sent(self, call: Call, permit: Permit, rule: RouteRule, now: float) -> Reply:
        provider = self.providers[permit.model.target.provider]
        until = call.deadline
        if rule.timeout_s is not None and (until is None or now + rule.timeout_s < until):
            until = now + rule.timeout_s
        if until is None:
            return await provider(call)
        try:
            async with asyncio.timeout(until - now):
                return await provider(call)
        except TimeoutError:
            late = until == call.deadline
            said = "the time that the request allows" if late else "the time that its route allows"
            code = "deadline_exceeded" if late else "upstream_timeout_attempt"
            raise UpstreamTimeout(f"the upstream did not begin to answer within {said}", code=code) from None

    def _begin(self, call: Call, permit: Permit, role: Role) -> Attempt:
        """Note what is about to be asked, on the record and for the caller."""
        call.target = permit.model.target
        self.tell(call, permit)
        return begun(call, permit, role, self._clock.now_ns())

    def tell(self, call: Call, permit: Permit) -> None:
        model, record, headers = permit.model, call.record, call.reply_headers
        record.target = model.place
        record.rule_id = permit.decision.rule_id
        record.would_deny = " ".join(permit.decision.would_deny)
        headers["x-gateway-target"] = model.place
        if model.life.deprecated_from is not None:
            told = lifecycle_headers(model, self._clock.now())
            before = headers.get("x-gateway-warning", "")
            if (warning := told.get("x-gateway-warning", "")) and before and warning not in before:
                told["x-gateway-warning"] = f"{before}; {warning}"
            headers.update(told)

    def close_failed(self, call: Call, tried: Tried) -> None:
        if tried.attempt is None or tried.failure is None:
            return
        status = tried.failure.status
        code = tried.fault.code if tried.fault is not None else f"upstream_status_{status}"
        closed(tried.attempt, call.served, "failed", self._clock.now_ns(), status=status, error_code=code)

    def _note_failure(self, standing: Standing, failure: Failure) -> None:
        now = self._clock.monotonic()
        if failure.trouble == "rate_limited":
            standing.refused(now, failure.after_s)
        elif REMEDIES[failure.trouble].counts:
            self._count_failure(standing)
        elif failure.status:
            standing.breaker.succeeded(now)  # it works, and says no

    def _count_failure(self, standing: Standing) -> None:
        standing.failed(self._clock.monotonic(), self._die())

    def close_lost(self, leg: Call, attempt: Attempt) -> None:
        """Of two that ran for the same call the slower, stopped: what it used nobody says, and yet it is billed."""
        served = leg.served
        if served.asked:
            used = Usage(input_tokens=input_tokens(leg), output_tokens=served.estimated_output_tokens)
            served.usage, served.usage_source = served.usage or used, "estimate"
            self._count_failure(self.standings.of(attempt.target))
        closed(attempt, served, "cancelled", self._clock.now_ns(), error_code="hedge_lost")


def _resting(standing: Standing, now: float) -> UpstreamResting:
    if standing.draining:
        return UpstreamResting("the upstream was taken out by an operator", code="upstream_taken_out")
    return UpstreamResting(
        "the upstream failed lately and is not asked for a moment; try again",
        headers={"retry-after": str(max(1, round(standing.breaker.until - now)))},
    )


def _full() -> Shed:
    return Shed("more calls than the upstream keeps up with are under way already; try again in a moment")


def _size(call: Call) -> float:
    """How much the first token waits for: the prompt, and of an answer that comes whole, all of it."""
    size = 1 + input_tokens(call) / INPUT_TOKENS
    usage = None if call.stream else call.served.usage
    return size if usage is None else size + usage.total_output / OUTPUT_TOKENS


def _status(fault: Fault) -> int:
    return fault.status if fault.code == "upstream_refused" else 0


def _after_s(headers: Any, wall: float) -> float | None:
    return retry_after_s([(name.lower(), value) for name, value in headers], wall)
