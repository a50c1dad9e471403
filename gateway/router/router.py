"""The innermost Service: permitted targets → providers, one after another until one answers."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.attempt import Attempt, Role
from gateway.core.call import Call, Reply, Served, Service
from gateway.core.clock import Clock
from gateway.core.faults import Fault, NotConfigured, Overloaded, PolicyFault, UpstreamResting, UpstreamTimeout
from gateway.core.live import Live
from gateway.core.model import Permit
from gateway.providers.pacing.told import retry_after_s
from gateway.providers.provider import Provider
from gateway.router.allowance import Allowance
from gateway.router.attempts import begun, closed
from gateway.router.choosing import NOTHING_KNOWN, Asking, Chooser
from gateway.router.lifecycle import lifecycle_headers
from gateway.router.loading import NO_ROUTES, RouteRule, Routes
from gateway.router.standing import Standing, Standings
from gateway.router.troubles import REMEDIES, repeatable, trouble_of_fault, trouble_of_reply
from gateway.router.trying import Failure, Next, Trying


class Tried(msgspec.Struct):
    """How an attempt ended: a reply or a fault, and what of the upstream's was wrong, if anything was. `attempt`: None
    if the target was not even asked."""

    attempt: Attempt | None = None
    reply: Reply | None = None
    fault: Fault | None = None
    failure: Failure | None = None


class Router:
    """`providers`: the configured ones; others are named by targets only. `die`: 0 to below 1.

    Attributes:
        standings: what this worker knows of each target.
    """

    def __init__(
        self,
        providers: Mapping[str, Service],
        clock: Clock,
        routes: Live[Routes] | None = None,
        asking: Asking = NOTHING_KNOWN,
        die: Callable[[], float] = random.random,
    ) -> None:
        self.providers = providers
        self._clock = clock
        self._routes = Live(NO_ROUTES) if routes is None else routes
        self.standings = Standings(lambda: self._routes.value.file.ejection)
        self._chooser = Chooser(self.standings, clock, die, asking)
        self._die = die
        self._allowance = Allowance(self._routes.value.file.retry_budget, clock.monotonic())

    def output_field(self, permits: Sequence[Permit]) -> str:
        """Where a chat completions request says how much it may produce, at the target it will most likely go to."""
        for permit in permits:
            provider = self.providers.get(permit.model.target.provider)
            if isinstance(provider, Provider):
                return provider.output_field(permit.model.target.model)
        return "max_completion_tokens"

    def paced(self) -> dict[str, Mapping[str, Any]]:
        """What stands at the gates of every provider that has some, by its name."""
        found = ((name, provider) for name, provider in self.providers.items() if isinstance(provider, Provider))
        return {name: provider.pacer.view() for name, provider in found if provider.pacer is not None}

    def choose(self, call: Call) -> Permit | None:
        """The target that a call will go to first; None: none can be reached from here."""
        plan = self._plan(call)
        return plan[0] if plan else None

    def _plan(self, call: Call) -> Sequence[Permit]:
        """Made once: what is counted before the call is what is done then."""
        if call.plan is None:
            call.plan = self._chooser.plan(call, self._routes.value.of(call.model), self.providers)
        return call.plan

    async def __call__(self, call: Call) -> Reply:
        """Send the call to its targets, in turn, until one answers.

        Raises:
            NotConfigured: no provider of the permitted targets has a credential here.
            UpstreamFault, BadRequest: the last target's failure.
        """
        plan = self._plan(call)
        if not plan:
            raise NotConfigured(
                f"the model `{call.model}` is declared, but none of its providers has a credential here; "
                "an operator can set one",
                param="model",
            )
        rule = self._routes.value.of(call.model)
        self._budget().called(self._clock.monotonic())
        trying = Trying(plan, rule.retries, rule.route.fallbacks, repeatable=repeatable(call))
        following = Next(trying.rest.pop(0), "primary")
        call.record.route = rule.name
        while True:
            headers, closings = dict(call.reply_headers), call.closings
            tried = await self._attempt(call, following, rule)
            trying.count += tried.attempt is not None
            failure = tried.failure
            coming = None if failure is None else await self._next(call, trying, following, failure)
            if failure is None or coming is None:
                return _answer(call, tried)
            if tried.attempt is not None:
                code = tried.fault.code if tried.fault is not None else f"upstream_status_{failure.status}"
                now_ns = self._clock.now_ns()
                closed(tried.attempt, call.served, "failed", now_ns, status=failure.status, error_code=code)
            call.close(keep=closings)
            call.served, call.reply_headers = Served(), headers
            if coming.after_s:
                await asyncio.sleep(coming.after_s)
            following = coming

    async def _next(self, call: Call, trying: Trying, last: Next, failure: Failure) -> Next | None:
        """What to do after a failure; None: nothing, it stands."""
        now, deadline = self._clock.monotonic(), call.deadline
        if not trying.allowed(failure) or (deadline is not None and now >= deadline):
            return None
        while (permit := self._elsewhere(call, trying, last.permit, failure)) is not None:
            if self._is_asked(permit, now) and await _admitted(call, permit):
                return Next(permit, "fallback") if self._budget().take() else None
        wait_s = trying.wait_s(failure, self._die())
        if wait_s is None or (deadline is not None and now + wait_s >= deadline):
            return None
        if not self._is_asked(last.permit, now + wait_s) or not self._budget().take():
            return None
        trying.again += 1
        return Next(last.permit, "retry", wait_s)

    def _is_asked(self, permit: Permit, now: float) -> bool:
        standing = self.standings.of(permit.model.place)
        return not standing.draining and standing.breaker.allows(now)

    def _elsewhere(self, call: Call, trying: Trying, failed: Permit, failure: Failure) -> Permit | None:
        """The best target left that may do better: of the plan, and then of the models that the route falls back to, as
        far as the caller may use them."""
        permit = trying.elsewhere(failed, failure)
        if permit is None and (names := trying.names(failure)):
            for name in names:
                trying.rest += [one for one in call.judge(name) if one.model.target.provider in self.providers]
            permit = trying.elsewhere(failed, failure)
        return permit

    async def _attempt(self, call: Call, following: Next, rule: RouteRule) -> Tried:
        permit, clock = following.permit, self._clock
        standing, now = self.standings.of(permit.model.place), clock.monotonic()
        if not self._is_asked(permit, now):
            return Tried(fault=_resting(standing.breaker.until - now), failure=Failure("busy"))
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
                standing.answered(number, clock.monotonic())
                return Tried(attempt, reply)
            failure = Failure(trouble, reply.status, _after_s(reply.headers, clock.now()))
            tried = Tried(attempt, reply, None, failure)
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
        model, record = permit.model, call.record
        call.target = model.target
        record.target = model.place
        record.rule_id = permit.decision.rule_id
        record.would_deny = " ".join(permit.decision.would_deny)
        headers = call.reply_headers
        headers["x-gateway-target"] = model.place
        if model.life.deprecated_from is not None:
            told = lifecycle_headers(model, self._clock.now())
            if "x-gateway-warning" in told and (before := headers.get("x-gateway-warning")):
                told["x-gateway-warning"] = f"{before}; {told['x-gateway-warning']}"
            headers.update(told)
        return begun(call, permit, role, self._clock.now_ns())

    def _note_failure(self, standing: Standing, failure: Failure) -> None:
        now = self._clock.monotonic()
        if failure.trouble == "rate_limited":
            standing.refused(now, failure.after_s)
        elif REMEDIES[failure.trouble].counts:
            standing.failed(now, self._die())
        elif failure.status:
            standing.breaker.succeeded(now)  # it works, and says no

    def _budget(self) -> Allowance:
        budget = self._routes.value.file.retry_budget
        if self._allowance.budget is not budget:
            self._allowance.budget = budget
        return self._allowance


def _answer(call: Call, tried: Tried) -> Reply:
    """What stands, whatever it is.

    Raises:
        Fault: it is one.
    """
    if len(call.attempts) > 1:
        call.reply_headers["x-gateway-attempts"] = str(len(call.attempts))
    if tried.fault is not None:
        raise tried.fault
    assert tried.reply is not None, "an attempt ends with a reply or a fault"
    return tried.reply


async def _admitted(call: Call, permit: Permit) -> bool:
    """Whether the limits on another target have room for the call as well."""
    try:
        await call.admit(permit)
    except (PolicyFault, Overloaded):
        return False
    return True


def _resting(seconds: float) -> UpstreamResting:
    return UpstreamResting(
        "the upstream failed lately and is not asked for a moment; try again",
        headers={"retry-after": str(max(1, round(seconds)))},
    )


def _status(fault: Fault) -> int:
    return fault.status if fault.code == "upstream_refused" else 0


def _after_s(headers: Any, wall: float) -> float | None:
    return retry_after_s([(name.lower(), value) for name, value in headers], wall)
