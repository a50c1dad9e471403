"""A call's plan: a snapshot of its targets taken, and the choice made on it (`plans.py`)."""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import msgspec

from gateway.access.conditions import ConditionError, request_values, subject_values
from gateway.core.call import Call
from gateway.core.clock import Clock
from gateway.core.model import Attributes, Permit
from gateway.router.canaries import Rollout
from gateway.router.document import RouteTarget
from gateway.router.experiments import Running, drawn, planned
from gateway.router.loading import RouteRule
from gateway.router.plans import Candidate, Die, chance, hashed, ranked
from gateway.router.reading import readers
from gateway.router.rollouts import Rollouts
from gateway.router.standing import Standings
from gateway.router.stickiness import sticky_word

_PLAIN = RouteTarget(target="")


class Asking(msgspec.Struct, frozen=True):
    """What choices ask of others. `cost_of`: what a call may cost at a target, in nano-units; None if not known.
    `values_of`: what conditions look at of a call besides its caller, by the variables' names; `budget_used`: how full,
    in percent, the fullest limit on money is that a call would count in at a target. `is_batch`: whether a call to a
    model has the priority `batch`."""

    cost_of: Callable[[Call, Permit], int | None]
    values_of: Callable[[Call], Mapping[str, Any]]
    budget_used: Callable[[Call, Permit], int] = lambda call, permit: 0  # noqa: ARG005
    is_batch: Callable[[Call, Permit], bool] = lambda call, permit: False  # noqa: ARG005


NOTHING_KNOWN = Asking(lambda call, permit: None, lambda call: {})  # noqa: ARG005


class Chooser:
    def __init__(self, standings: Standings, clock: Clock, die: Die, asking: Asking, rollouts: Rollouts) -> None:
        self._standings = standings
        self._clock = clock
        self._die = die
        self._asking = asking
        self._rollouts = rollouts

    def plan(self, call: Call, rule: RouteRule, configured: Container[str]) -> Sequence[Permit]:
        """The permits whose providers are configured, in the order in which they are to be tried."""
        permits = call.permits
        for permit in permits:
            model = permit.model
            if not model.takes_anything or model.target.provider not in configured:
                permits = [one for one in permits if one.model.target.provider in configured]
                permits = readers(call, permits) if len(permits) > 1 else permits
                break
        if rule.conditions:
            permits = self._fitting(call, rule, permits)
        if rule.rollout is not None:
            return self._with_canary(call, rule, rule.rollout, permits)
        if rule.experiment is not None:
            return self._with_experiment(call, rule, rule.experiment, permits)
        return self._ordered(call, rule, permits)

    def _with_canary(
        self, call: Call, rule: RouteRule, rollout: Rollout, permits: Sequence[Permit]
    ) -> Sequence[Permit]:
        """The canary before all others for its part of the calls, and nowhere for the rest of them: what is being tried
        must not become everybody's last resort."""
        place = rollout.canary.target
        stable = self._ordered(call, rule, [one for one in permits if one.model.place != place])
        new = [one for one in permits if one.model.place == place]
        share = self._rollouts.share(rollout)
        if not new or not share:
            return stable
        if not stable:
            return new
        sticky = "" if rule.route.sticky is None else sticky_word(call, rule.route.sticky)
        # A word has the same place at every step, so a session that came to the canary stays there.
        thrown = hashed(sticky, rollout.id) if sticky else self._die()
        if thrown >= share or not self._is_usable(call, new[0]):
            return stable
        return [*new, *stable]

    def _with_experiment(
        self, call: Call, rule: RouteRule, running: Running, permits: Sequence[Permit]
    ) -> Sequence[Permit]:
        """The arm that the die chose before all others. Those that were stopped are left out, those that lost are last;
        a call that may not go to all the others is none of the experiment's."""
        over, began = self._rollouts.over, call.record.started_ns / 1e9
        ended = {place: over[name] for place, name in running.ids.items() if name in over}
        kept = [one for one in permits if one.model.place not in ended]
        lost = [one for one in permits if one.model.place in ended and ended[one.model.place].last_resort]
        ordered = [*self._ordered(call, rule, kept), *lost] or self._ordered(call, rule, permits)
        shares = self._rollouts.shares(running, began)
        live, places = [place for place, share in shares.items() if share > 0], {one.model.place for one in kept}
        if began < running.from_s or len(live) < 2 or not places.issuperset(live):
            return ordered
        sticky = "" if rule.route.sticky is None else sticky_word(call, rule.route.sticky)
        # By rendezvous: where an arm is stopped, or its weight is changed, nobody moves between the others.
        arm = (
            min(live, key=lambda place: chance(shares[place], hashed(sticky, running.ids[place])))
            if sticky
            else drawn(shares, self._die())
        )
        permit = next(one for one in kept if one.model.place == arm)
        return planned(arm, ordered, usable=self._is_usable(call, permit))

    def _ordered(self, call: Call, rule: RouteRule, permits: Sequence[Permit]) -> Sequence[Permit]:
        if len(permits) < 2:
            return permits
        route, wish, now = rule.route, rule.wish, self._clock.monotonic()
        if route.sticky is not None and (word := sticky_word(call, route.sticky)):
            wish = msgspec.structs.replace(wish, sticky=word)
        priced = route.strategy == "cheapest"
        timed = priced or route.strategy == "least_latency"
        entries, standings = rule.entries, self._standings
        known, room = standings.known, standings.routes.value.room
        candidates: list[Candidate] = []
        for permit in permits:
            place = permit.model.place
            entry, standing = entries.get(place, _PLAIN), known.get(place) or standings.of(place)
            candidates.append(
                Candidate(
                    place,
                    entry.weight,
                    entry.priority,
                    standing.is_clear(room, now) or self._is_usable(call, permit),
                    len(standing.runs),
                    standing.expected_s(now) if timed else 0.0,
                    self._asking.cost_of(call, permit) if priced else None,
                    entry.quality,
                )
            )
        return list(map(permits.__getitem__, ranked(candidates, wish, self._die)))

    def _is_usable(self, call: Call, permit: Permit) -> bool:
        standing = self._standings.of(permit.model.place)
        overload, is_batch = self._standings.overload, self._asking.is_batch
        return standing.works(self._clock.monotonic()) and not standing.is_full(overload, is_batch, call, permit)

    def _fitting(self, call: Call, rule: RouteRule, permits: Sequence[Permit]) -> list[Permit]:
        """Those whose conditions the call meets. One that cannot be evaluated is not met."""
        values = {**subject_values(call.caller), **self._asking.values_of(call)}
        found: list[Permit] = []
        for permit in permits:
            condition = rule.conditions.get(permit.model.place)
            try:
                if condition is None:
                    found.append(permit)
                    continue
                values["budget.used_percent"] = self._asking.budget_used(call, permit)
                if condition.holds(values):
                    found.append(permit)
            except ConditionError:
                continue
        return found


def route_values(call: Call, attributes: Attributes, data_level: int, input_tokens: int) -> dict[str, Any]:
    """What routes' conditions see of a call, whatever the target."""
    return {
        **request_values(call.operation.name, attributes, data_level),
        "request.input_tokens": input_tokens,
        "request.images": call.fields.inline_data()[1] > 0,
    }
