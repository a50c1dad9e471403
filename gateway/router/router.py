"""The innermost Service: permitted targets → providers, one after another until one answers."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.core.call import Call, Reply, Served, Service
from gateway.core.clock import Clock
from gateway.core.cohort import others_first
from gateway.core.faults import NotConfigured, Overloaded, PolicyFault
from gateway.core.live import Live
from gateway.core.model import Permit
from gateway.providers.provider import Provider
from gateway.router.allowance import Allowance
from gateway.router.choosing import NOTHING_KNOWN, Asking, Chooser
from gateway.router.document import Hedge
from gateway.router.experiments import Drawn
from gateway.router.hedging import Hedges, Race, Racing
from gateway.router.loading import NO_ROUTES, Routes
from gateway.router.mending import Again, mended
from gateway.router.patience import Patience
from gateway.router.rollouts import Rollouts
from gateway.router.sending import Sender
from gateway.router.standing import Shown, Standings
from gateway.router.troubles import repeatable
from gateway.router.trying import Failure, Next, Tried, Trying


class Router:
    """`providers`: the configured ones; others are named by targets only. `die`: 0 to below 1.

    Attributes:
        standings: what this worker knows of each target. rollouts: how far canaries have got.
        withheld: attempts that the retry budget did not allow.
    """

    def __init__(
        self,
        providers: Mapping[str, Service],
        clock: Clock,
        routes: Live[Routes] | None = None,
        asking: Asking = NOTHING_KNOWN,
        die: Callable[[], float] = random.random,
        rollouts: Rollouts | None = None,
    ) -> None:
        self.providers = providers
        self._clock = clock
        self._routes = Live(NO_ROUTES) if routes is None else routes
        self.standings = Standings(self._routes)
        self.rollouts = rollouts or Rollouts(self._routes, clock)
        self._chooser = Chooser(self.standings, clock, die, asking, self.rollouts)
        self._die = die
        self.withheld = 0
        self._patience = Patience()
        self._sender = Sender(providers, self.standings, clock, die, self._patience, asking.is_batch)
        self._racing = Racing(self._sender, Hedges(), self._second)
        self._allowance = Allowance(self._routes.value.file.retry_budget, clock.monotonic())

    def output_field(self, permits: Sequence[Permit]) -> str:
        """Where a chat completions request says how much it may produce, at the target it will most likely go to."""
        for permit in permits:
            provider = self.providers.get(permit.model.target.provider)
            if isinstance(provider, Provider):
                return provider.output_field(permit.model.target.model)
        return "max_completion_tokens"

    def targets(self) -> dict[str, Shown]:
        """What this worker knows of each target it has asked."""
        return self.standings.view(self._clock.monotonic())

    def paced(self) -> dict[str, Mapping[str, Any]]:
        """What stands at the gates of every provider that has some, by its name."""
        found = ((name, provider) for name, provider in self.providers.items() if isinstance(provider, Provider))
        return {name: provider.pacer.view() for name, provider in found if provider.pacer is not None}

    def choose(self, call: Call) -> Permit | None:
        """The target that a call will go to first; None: none can be reached from here. Planned once: what is counted
        before the call is what is done then."""
        plan = call.plan
        if plan is None:
            plan = call.plan = self._chooser.plan(call, self._routes.value.of(call.model), self.providers)
        return plan[0] if plan else None

    async def __call__(self, call: Call) -> Reply:
        """Send the call to its targets, in turn, until one answers.

        Raises:
            NotConfigured: no provider of the permitted targets has a credential here, or the route's conditions leave
                all out.
            UpstreamFault, TargetTakenOut, BadRequest: the last target's failure.
        """
        if call.in_cohort:
            await others_first()
        trying = self._begin(call)
        rule, following, sender = trying.rule, Next(trying.rest.pop(0), "primary"), self._sender
        while True:
            headers, closings = dict(call.reply_headers), call.closings
            begun = sender.begin(call, following, rule)
            if isinstance(begun, Tried):
                tried = begun
            elif rule.hedge is not None and (delay_s := self._hedge_s(rule.hedge, trying)) is not None:
                race = Race(begun, following, trying, self._racing, headers, closings)
                tried, following = await race.run(delay_s)
                trying.count += race.begun
                if race.begun > 1:
                    sender.tell(call, following.permit)
            else:
                tried = await sender.carry_out(begun)
                trying.count += 1
            if (failure := tried.failure) is None:
                if call.mend is not None:
                    again = Again(following.permit, rule, sender, self._may_take, closings)
                    tried = await mended(call, call.mend, tried, again)
                return _answer(call, tried)
            if (coming := await self._next(call, trying, following, failure)) is None:
                return _answer(call, tried)
            sender.close_failed(call, tried)
            call.close(keep=closings)
            call.served, call.reply_headers = Served(), headers
            if coming.after_s:
                await asyncio.sleep(coming.after_s)
            following = coming

    def _begin(self, call: Call) -> Trying:
        """Before its first attempt.

        Raises:
            NotConfigured: it may go nowhere.
        """
        if call.plan is None:
            self.choose(call)
        if not (plan := call.plan):
            raise self._nobody(call)
        routes = self._routes.value
        rule = routes.of(call.model)
        self._allowance.called(self._clock.monotonic(), routes.file.retry_budget)
        call.record.route = rule.name
        if rule.rollout is not None:
            self.rollouts.began(call, rule, plan)
        if isinstance(plan, Drawn):
            call.record.variant = plan.arm
        return Trying(call, list(plan), rule)

    def _nobody(self, call: Call) -> NotConfigured:
        if any(permit.model.target.provider in self.providers for permit in call.permits):
            said = (
                f"no target of the route of `{call.model}` takes this request: their conditions leave all of them out"
            )
            return NotConfigured(said, code="no_target_fits", param="model")
        said = f"the model `{call.model}` is declared, but none of its providers has a credential here"
        return NotConfigured(f"{said}; an operator can set one", param="model")

    def _hedge_s(self, hedge: Hedge, trying: Trying) -> float | None:
        """How long to wait before a second target is asked beside the first; None: no second one is."""
        if trying.count or not trying.rest or not repeatable(trying.call):
            return None
        if hedge.after_ms is not None:
            return hedge.after_ms / 1000
        usual_s = self._patience.usual_s(trying.rule.name)
        return None if usual_s is None else max(usual_s, hedge.min_ms / 1000)

    async def _second(self, call: Call, trying: Trying) -> Next | None:
        """Whom to ask beside a first attempt that has not begun to be answered in time."""
        now = self._clock.monotonic()
        while trying.rest:
            permit = trying.rest.pop(0)
            if self._sender.is_asked(call, permit, now) and await _admitted(call, permit):
                return Next(permit, "hedge") if self._may_take() else None
        return None

    async def _next(self, call: Call, trying: Trying, last: Next, failure: Failure) -> Next | None:
        """What to do after a failure; None: nothing, it stands."""
        now, deadline = self._clock.monotonic(), call.deadline
        if not trying.allowed(failure) or (deadline is not None and now >= deadline):
            return None
        while (permit := self._elsewhere(call, trying, last.permit, failure)) is not None:
            if self._sender.is_asked(call, permit, now) and await _admitted(call, permit):
                # Where nothing was sent there is nothing that it could multiply.
                return Next(permit, "fallback") if not trying.count or self._may_take() else None
        wait_s = trying.wait_s(failure, self._die())
        if wait_s is None or (deadline is not None and now + wait_s >= deadline):
            return None
        if not self._sender.is_asked(call, last.permit, now + wait_s) or not self._may_take():
            return None
        trying.again += 1
        return Next(last.permit, "retry", wait_s)

    def _elsewhere(self, call: Call, trying: Trying, failed: Permit, failure: Failure) -> Permit | None:
        """The best target left that may do better: of the plan, and then of the models that the route falls back to, as
        far as the caller may use them. The last attempt is theirs: a plan with nothing but broken targets must not use
        them all up."""
        permit = None if trying.is_last else trying.elsewhere(failed, failure)
        if permit is None:
            asked = {attempt.target for attempt in call.attempts}
            found = (one for name in trying.names(failure) for one in call.judge(call, name))
            trying.rest[:0] = [
                one for one in found if one.model.target.provider in self.providers and one.model.place not in asked
            ]
            permit = trying.elsewhere(failed, failure)
        return permit

    def _may_take(self) -> bool:
        """Whether the budget allows one more attempt."""
        allowed = self._allowance.take()
        self.withheld += not allowed
        return allowed


def _answer(call: Call, tried: Tried) -> Reply:
    """What stands, whatever it is.

    Raises:
        Fault: it is one.
    """
    if len(call.attempts) > 1:
        call.reply_headers["x-gateway-attempts"] = str(len(call.attempts))
    if (fault := tried.fault) is not None:
        tried.fault = None
        try:
            raise fault
        finally:
            # It knows all frames that it passes: one that knew it too would be for the garbage collector to find.
            del fault
    assert tried.reply is not None, "an attempt ends with a reply or a fault"
    return tried.reply


async def _admitted(call: Call, permit: Permit) -> bool:
    """Whether the limits on another target have room for the call as well."""
    try:
        await call.admit(permit)
    except (PolicyFault, Overloaded):
        return False
    return True
