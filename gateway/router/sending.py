"""One attempt carried out: a target asked, what came of it told to its standing and to the record."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from gateway.core.attempt import Attempt, AttemptOutcome
from gateway.core.call import Call, Reply, Service
from gateway.core.clock import Clock
from gateway.core.faults import (
    BadRequest,
    Fault,
    Shed,
    TargetTakenOut,
    UpstreamBusy,
    UpstreamRefused,
    UpstreamResting,
    UpstreamTimeout,
)
from gateway.core.model import Permit
from gateway.core.usage import Usage
from gateway.limits.estimate import input_tokens
from gateway.providers.pacing.told import retry_after_s
from gateway.router.attempts import begun, closed
from gateway.router.lifecycle import lifecycle_headers
from gateway.router.loading import RouteRule
from gateway.router.patience import Patience
from gateway.router.reading import ignored_tools, unread
from gateway.router.standing import Run, Standing, Standings
from gateway.router.troubles import REMEDIES, trouble_of_fault, trouble_of_reply
from gateway.router.trying import Failure, Next, Tried

# So many tokens take about as long as a call takes in any case.
INPUT_TOKENS, OUTPUT_TOKENS = 1_000, 50
# A timer that fires so much too late tells of this process, not of an upstream.
STALL_S = 0.25
_LATE_OURSELVES = "gateway_late"
_WARNING = "x-gateway-warning"


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
        return self._kept_from(call, permit, self.standings.of(permit.model.place), now) is None

    def _kept_from(self, call: Call, permit: Permit, standing: Standing, now: float) -> Fault | None:
        """Why the target does not get the call; None: it does."""
        if (fault := unread(call, permit)) is not None:
            return fault  # whatever state it is in: coming again does not help
        if standing.draining:
            return _taken_out(call, permit)
        if standing.breaker.state != "closed" and standing.breaker.bars(now):
            return _resting(standing, now)
        if standing.is_full(self.standings.overload, self._is_batch, call, permit):
            return _full()
        return None

    def begin(self, call: Call, following: Next, rule: RouteRule) -> "Begun | Tried":
        """An attempt, noted before anything is sent; what is told instead if the target is not asked."""
        permit, now = following.permit, self._clock.monotonic()
        model, standings = permit.model, self.standings
        standing = standings.of(model.place)
        if not model.takes_anything or not standing.is_clear(standings.routes.value.room, now):
            fault = self._kept_from(call, permit, standing, now)
        else:
            fault = None  # nearly always
        if fault is not None:
            standing.passed_over += isinstance(fault, Shed)
            return Tried(fault=fault, failure=Failure("not_expressible" if isinstance(fault, BadRequest) else "busy"))
        call.target = model.target
        self.tell(call, permit)
        attempt = begun(call, permit, following.role, self._clock.now_ns())
        run = standing.begun(now, call.record.key_id)
        call.on_close(run.ended)
        return Begun(call, rule, attempt, standing, run)

    async def carry_out(self, begun: "Begun") -> Tried:
        """The target asked, and what came of it noted.

        Raises:
            Fault: one that is none of an upstream's.
        """
        try:
            reply = await self.sent(begun)
        except Fault as fault:
            tried = self.failed(begun, fault)
            if tried is None:
                raise
            return tried
        return self.answered(begun, reply)

    def failed(self, begun: "Begun", fault: Fault) -> Tried | None:
        """What came of an attempt that ended with a fault; None if that is none of an upstream's."""
        trouble = trouble_of_fault(fault)
        if trouble is None:
            if isinstance(fault, UpstreamRefused):
                self._note_refusal(begun)
            return None
        if trouble == "timeout" and not begun.call.served.asked:
            trouble = "busy"  # it waited for its turn here
        after_s = _after_s(fault.headers.items(), self._clock.now())
        failure = Failure(trouble, _status(fault), after_s, ours=fault.code == _LATE_OURSELVES)
        if not failure.ours:
            self._note_failure(begun, failure)
        # It is told, and raised again where it stands; the frames that it came by would know it, and it them.
        return Tried(begun.attempt, None, fault.with_traceback(None), failure)

    def answered(self, begun: "Begun", reply: Reply) -> Tried:
        """What came of an attempt that ended with a reply."""
        if reply.status >= 400 and (trouble := trouble_of_reply(reply)) is not None:
            failure = Failure(trouble, reply.status, _after_s(reply.headers, self._clock.now()))
            self._note_failure(begun, failure)
            return Tried(begun.attempt, reply, None, failure)
        call, standing, run, now = begun.call, begun.standing, begun.run, self._clock.monotonic()
        standings = self.standings
        standing.answered(run, call.stream, _size(call), now, standings.routes.value.file.overload, standings.own_s)
        if begun.rule.route.hedge is not None:
            self._patience.took(begun.rule.name, now - run.began)
        if reply.stream is None:
            standing.breaker.succeeded(run.mark, now, run.who)
        else:
            call.on_close(lambda: self._streamed(call, standing, run))
        return Tried(begun.attempt, reply)

    def _streamed(self, call: Call, standing: Standing, run: Run) -> None:
        """A stream is over: only now it is known whether the target served it."""
        record, now = call.record, self._clock.monotonic()
        if record.outcome == "failed" and record.blame == "upstream":
            standing.failed(run, now, self._die())
        elif record.outcome in ("completed", "cancelled"):
            standing.succeeded(run, now)

    def sent(self, begun: "Begun") -> Awaitable[Reply]:
        """The target asked: for as long as the route and the caller allow, if one of them says."""
        call, timeout_s = begun.call, begun.rule.timeout_s
        provider, until = self.providers[begun.attempt.provider], call.deadline
        if until is None and timeout_s is None:
            return provider(call)
        now = begun.run.began
        if timeout_s is not None and (until is None or now + timeout_s < until):
            until = now + timeout_s
        assert until is not None, "one of them says"
        return self._sent_in_time(provider, call, now, until)

    async def _sent_in_time(self, provider: Service, call: Call, now: float, until: float) -> Reply:
        try:
            async with asyncio.timeout(until - now):
                return await provider(call)
        except TimeoutError:
            if until != call.deadline and not call.served.asked:
                said = "the upstream's turn for this call did not come within the time that its route allows"
                raise UpstreamBusy(f"{said}; try again in a moment", headers={"retry-after": "1"}) from None
            if until == call.deadline:
                said, code = "the time that the request allows", "deadline_exceeded"
            else:
                late = self._clock.monotonic() - until > STALL_S
                said, code = "the time that its route allows", _LATE_OURSELVES if late else "upstream_timeout_attempt"
            raise UpstreamTimeout(f"the upstream did not begin to answer within {said}", code=code) from None

    def tell(self, call: Call, permit: Permit) -> None:
        model, decision, record, headers = permit.model, permit.decision, call.record, call.reply_headers
        headers["x-gateway-target"] = record.target = model.place
        record.rule_id = decision.rule_id
        record.would_deny = " ".join(decision.would_deny) if decision.would_deny else ""
        if model.life.deprecated_from is not None:
            told = lifecycle_headers(model, self._clock.now())
            _warn(headers, told.pop(_WARNING, ""))
            headers.update(told)
        if model.tools is False:
            _warn(headers, ignored_tools(call, model))

    def close_failed(self, call: Call, tried: Tried) -> None:
        if tried.attempt is None or tried.failure is None:
            return
        status = tried.failure.status
        code = tried.fault.code if tried.fault is not None else f"upstream_status_{status}"
        outcome: AttemptOutcome = "refused" if REMEDIES[tried.failure.trouble].refused else "failed"
        closed(tried.attempt, call.served, outcome, self._clock.now_ns(), status=status, error_code=code)

    def _note_failure(self, begun: "Begun", failure: Failure) -> None:
        standing, run, now = begun.standing, begun.run, self._clock.monotonic()
        if failure.trouble == "timeout":
            standing.gave_up(run, begun.call.stream, now, self.standings.overload, self.standings.own_s)
        if failure.trouble == "rate_limited":
            standing.refused(now, failure.after_s)
        elif REMEDIES[failure.trouble].counts:
            standing.failed(run, now, self._die())
        elif failure.status:
            self._note_refusal(begun)

    def _note_refusal(self, begun: "Begun") -> None:
        """It works, and says no."""
        begun.standing.breaker.answered(begun.run.mark)
        begun.standing.succeeded(begun.run, self._clock.monotonic())

    def close_lost(self, begun: "Begun") -> None:
        """Of two that ran for the same call the slower, stopped: what it used nobody says, and yet it is billed."""
        call, standing = begun.call, begun.standing
        if call.served.asked:
            now = self._clock.monotonic()
            standing.gave_up(begun.run, call.stream, now, self.standings.overload, self.standings.own_s)
            standing.failed(begun.run, now, self._die())
        self.close_unused(begun, "cancelled", "hedge_lost")

    def close_unused(self, begun: "Begun", outcome: AttemptOutcome, code: str) -> None:
        """Of one whose answer, if there was any, nobody gets."""
        call, served = begun.call, begun.call.served
        if served.asked and served.usage is None:
            used = Usage(input_tokens=input_tokens(call), output_tokens=served.estimated_output_tokens)
            served.usage, served.usage_source = used, "estimate"
        closed(begun.attempt, served, outcome, self._clock.now_ns(), error_code=code)


class Begun(msgspec.Struct, frozen=True):
    """An attempt under way, on the call itself or on a leg of it."""

    call: Call
    rule: RouteRule
    attempt: Attempt
    standing: Standing
    run: Run


def _warn(headers: dict[str, str], warning: str) -> None:
    """Beside what is warned of already."""
    before = headers.get(_WARNING, "")
    if warning and warning not in before:
        headers[_WARNING] = f"{before}; {warning}" if before else warning


def _taken_out(call: Call, permit: Permit) -> TargetTakenOut:
    return TargetTakenOut(
        f"the target `{permit.model.place}` of the model `{call.model}` was taken out by an operator; try again "
        "later, or ask another model",
        param="model",
    )


def _resting(standing: Standing, now: float) -> UpstreamResting:
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
    return fault.status if isinstance(fault, UpstreamRefused) else 0


def _after_s(headers: Any, wall: float) -> float | None:
    return retry_after_s([(name.lower(), value) for name, value in headers], wall)
