"""What a call is counted as before it is made, and what it is settled to however it ends."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.core.attempt import Attempt
from gateway.core.call import Call, Reply
from gateway.core.faults import BudgetExhausted, Fault, NotAllowed, RateLimited
from gateway.core.live import Live
from gateway.core.model import Decision, Model, Permit
from gateway.core.principal import Principal
from gateway.core.record import Outcome, Pricing
from gateway.core.target import Target
from gateway.core.usage import Usage
from gateway.limits.bounds import Bound, Level, Need, Refusal
from gateway.limits.loading import read_limits
from gateway.limits.local import LocalCounters, LocalHold
from gateway.pipeline.rate_limit import rate_limit
from gateway.stores.documents import Text
from gateway.testing import HandClock
from tests.pipeline.test_obliging import call_of

CHEAP, DEAR, STRANGE = (
    Permit(Model(name=name, target=Target("p", name)), Decision(allowed=True)) for name in ("cheap", "dear", "strange")
)
CALLER = Principal(key_id="k", tenant="t", team="a")
CEILING = 100


class Away:
    """Counters that do not say at once."""

    decide = None

    def __init__(self, counters: LocalCounters) -> None:
        self._counters, self.settle = counters, counters.settle

    async def reserve(self, bounds: Sequence[Bound], need: Need) -> LocalHold | Refusal:
        await asyncio.sleep(0)
        return await self._counters.reserve(bounds, need)


class Site:
    """The step with real limits and counters; a token of `cheap` costs 1 nano-unit, of `dear` 10."""

    def __init__(self, limits: str, *, away: bool = False) -> None:
        """`away`: its counters have to be asked, as those in Redis have."""
        self.policy = read_limits(Text("limits.yaml", f"default_output_tokens: 100\nlimits:\n{limits}".encode()))
        self.clock = HandClock(1_800_000_000.0)
        self.counters = LocalCounters(self.clock)
        self.refusals = list[Refusal]()
        self.levels = list[Level]()
        self.serves = CHEAP
        self.permits: Sequence[Permit] = (CHEAP, DEAR, STRANGE)
        self.chosen = list[Call]()
        self.limits = Live(self.policy)
        self.layer = rate_limit(cast(Any, SimpleNamespace(
            clock=self.clock, counters=Away(self.counters) if away else self.counters, limits=self.limits, limiting=self,
            choose=self.choose, estimate_cost=self.cost,
            ceiling_cost=lambda target, usage, at: usage.total_tokens * CEILING if target.provider == "p" else None,
            prices=Live(SimpleNamespace(currency="EUR")),
        )))  # fmt: skip

    def choose(self, call: Call) -> Permit:
        self.chosen.append(call)
        return self.serves

    def cost(self, target: Target, usage: Usage, caller: Principal, at: float, tier: str) -> int | None:
        rate = {"cheap": 1, "dear": 10}.get(target.model)
        return None if rate is None else usage.total_tokens * rate * (2 if tier == "priority" else 1)

    def limited(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def warned(self, bounds: Sequence[Bound]) -> None:
        raise AssertionError(bounds)

    def waited(self, bound: Bound, seconds: float) -> None:
        raise AssertionError(bound)

    def counted(self, levels: Sequence[Level]) -> None:
        self.levels = list(levels)

    async def begin(self, operation: str = "chat", *, bytes_in: int = 0, **fields: Any) -> Call:
        call = call_of(operation, **fields)
        call.record.bytes_in = bytes_in
        call.caller, call.permits = CALLER, self.permits

        async def service(call: Call) -> Reply:
            return Reply(200, [])

        await self.layer(service)(call)
        return call

    def end(
        self,
        call: Call,
        outcome: Outcome = "completed",
        usage: Usage | None = None,
        nano: int | None = None,
        pricing: Pricing = "priced",
        asked: bool = True,
    ) -> None:
        call.served.asked, call.target = asked, self.serves.model.target
        record = call.record
        record.usage, record.cost_nano, record.pricing = usage, nano, pricing
        call.end(outcome, Fault("x") if outcome == "failed" else None)

    async def used(self) -> dict[str, int]:
        bounds = self.policy.bounds(CALLER, self.serves.model.name, self.clock.now())
        return {level.bound.name: level.used for level in await self.counters.levels(bounds)}


ALL = "  - {id: a, requests_per_day: 9, input_tokens_per_day: 9000, output_tokens_per_day: 9000, cost_per_day: 0.001, concurrent_requests: 9}"
NOTHING_USED = dict.fromkeys(
    ("requests_per_day", "input_tokens_per_day", "output_tokens_per_day", "cost_per_day", "concurrent_requests"), 0
)


def shown(requests: int, into: int, out: int, nano: int, concurrent: int) -> dict[str, int]:
    return dict(zip(NOTHING_USED, (requests, into, out, nano, concurrent), strict=True))


async def test_a_high_estimate_is_reserved_at_the_price_of_the_target_that_will_serve() -> None:
    site = Site(ALL)
    site.serves = DEAR
    call = await site.begin(max_tokens=50)
    assert await site.used() == shown(1, 1, 50, 510, 1)
    site.end(call, usage=Usage(input_tokens=3, cached_input_tokens=4, reasoning_tokens=2), nano=77)
    assert await site.used() == shown(1, 7, 2, 77, 0)


@pytest.mark.parametrize(("tier", "times"), [("priority", 2), ("fast", 2), ("flex", 1), ("auto", 1), (7, 1), (None, 1)])
async def test_a_dearer_tier_that_is_asked_for_is_reserved_at_its_price(tier: object, times: int) -> None:
    site = Site(ALL)
    await site.begin(max_tokens=50, service_tier=tier)
    assert (await site.used())["cost_per_day"] == 51 * times


@pytest.mark.parametrize(
    ("limit", "permits", "asked"),
    [
        ("tokens_per_day: 900", (CHEAP, CHEAP), False),  # from the cache, say, it may go nowhere
        ("tokens_per_day: 900", (CHEAP, DEAR), True),
        ("cost_per_day: 1", (CHEAP, CHEAP), True),
        ("cost_per_day: 1", (CHEAP,), False),
    ],
)
async def test_where_a_call_will_go_is_found_out_only_if_limits_or_prices_may_differ(
    limit: str, permits: Sequence[Permit], asked: bool
) -> None:
    site = Site(f"  - {{id: a, {limit}}}")
    site.permits = permits
    call = await site.begin(max_tokens=50)
    assert site.chosen == [call] * asked
    assert all((await site.used()).values())


async def test_a_limit_on_a_prompt_counts_all_its_versions_together() -> None:
    """By naming one version after the other nobody gets more of it."""
    site = Site("  - {id: a, match: {prompts: [support/triage]}, per: [prompt], requests_per_day: 2}")

    async def asked(prompt: str) -> None:
        call = call_of("chat")
        call.caller, call.permits, call.record.prompt_id = CALLER, (CHEAP,), prompt

        async def service(call: Call) -> Reply:
            return Reply(200, [])

        await site.layer(service)(call)

    for prompt in ("support/triage@1", "support/other@1", "support/triage@2", "support/other@2", ""):
        await asked(prompt)
    with pytest.raises(RateLimited):
        await asked("support/triage@3")


async def test_a_call_that_does_not_say_how_much_it_wants_is_taken_to_want_the_default() -> None:
    site = Site(ALL)
    await site.begin()
    assert (await site.used())["output_tokens_per_day"] == 100


@pytest.mark.parametrize(
    ("ending", "left"),
    [
        ({"outcome": "failed", "asked": False, "pricing": "none"}, (0, 0, 0, 0, 0)),
        ({"outcome": "cancelled", "asked": False, "pricing": "none"}, (0, 0, 0, 0, 0)),
        ({"outcome": "failed", "pricing": "none"}, (1, 0, 0, 0, 0)),
        ({"outcome": "cancelled", "usage": Usage(input_tokens=1, output_tokens=9), "nano": 10}, (1, 1, 9, 10, 0)),
        ({"outcome": "completed", "asked": False, "pricing": "none"}, (1, 0, 0, 0, 0)),  # from a cache
        # Whole, but nobody says what was used: the estimate stands.
        ({"outcome": "completed", "pricing": "unpriced"}, (1, 1, 50, 51, 0)),
        # Used what has no price: counted at the ceiling.
        ({"outcome": "completed", "usage": Usage(output_tokens=4), "pricing": "unpriced"}, (1, 0, 4, 4 * CEILING, 0)),
    ],
)
async def test_what_a_call_is_settled_to(ending: dict[str, Any], left: tuple[int, int, int, int, int]) -> None:
    site = Site(ALL)
    call = await site.begin(max_tokens=50)
    site.end(call, **ending)
    assert await site.used() == shown(*left)
    assert site.counters.holds == 0


async def test_an_earlier_attempt_was_asked_even_if_the_last_was_not() -> None:
    site = Site(ALL)
    call = await site.begin(max_tokens=50)
    call.attempts += [Attempt(n=1, outcome="failed"), Attempt(n=2)]
    site.end(call, "failed", asked=False, pricing="none")
    assert (await site.used())["requests_per_day"] == 1


@pytest.mark.parametrize(
    ("operation", "fields", "nano"),
    [
        ("images", {"prompt": "x", "n": 2}, 1 + 2 * 6240),
        ("speech", {"input": "x" * 40}, 1 + 2 * 40),
        ("embeddings", {"input": "x"}, 1),
        ("count_tokens", {"messages": []}, 0),
    ],
)
async def test_what_is_not_text_is_foreseen_by_its_tokens_where_it_has_no_price_of_its_own(
    operation: str, fields: dict[str, Any], nano: int
) -> None:
    site = Site(ALL)
    site.cost = lambda target, usage, caller, at, tier: None if usage.images or usage.characters else usage.total_tokens  # type: ignore[method-assign]
    site.layer = rate_limit(cast(Any, SimpleNamespace(clock=site.clock, counters=site.counters, limits=Live(site.policy), limiting=site, choose=lambda permits: CHEAP, estimate_cost=site.cost, ceiling_cost=lambda *_: None)))  # fmt: skip
    await site.begin(operation, **fields)
    assert (await site.used())["cost_per_day"] == nano


@pytest.mark.parametrize(
    ("limits", "reserved"),
    [
        ("  - {id: a, cost_per_day: 1}", {"a": 51 * CEILING}),
        ("  - {id: a, cost_per_day: 1, on_unpriced: allow}", {}),
        ("  - {id: a, cost_per_day: 1, on_unpriced: allow}\n  - {id: b, cost_per_day: 1}", {"b": 51 * CEILING}),
        ("  - {id: a, cost_per_day: 1, on_unpriced: deny}\n  - {id: b, cost_per_day: 1}", "a"),
    ],
)
async def test_without_a_price_each_limit_on_money_says_what_then(limits: str, reserved: Any) -> None:
    site = Site(limits)
    site.serves = STRANGE
    if isinstance(reserved, str):
        with pytest.raises(NotAllowed) as refused:
            await site.begin(max_tokens=50)
        assert (refused.value.code, refused.value.details["limit"]) == ("model_unpriced", reserved)
        return
    await site.begin(max_tokens=50)
    assert {level.bound.limit_id: level.used for level in site.levels} == reserved


async def test_refusals_say_which_limit_whose_how_full_and_until_when() -> None:
    site = Site(
        "  - {id: rate, per: [key], requests_per_minute: 1}\n  - {id: money, per: [team], cost_per_day: 0.000000120}"
    )
    site.end(await site.begin(max_tokens=99), usage=Usage(output_tokens=30), nano=30)
    with pytest.raises(RateLimited) as refused:
        await site.begin(max_tokens=10)
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.details == {
        "limit": "rate", "dimension": "requests_per_minute", "scope": "key k", "maximum": 1, "current": 1,
        "resets_at": "2027-01-15T08:01:05Z",
    }  # fmt: skip
    assert (refused.value.headers["retry-after"], refused.value.headers["retry-after-ms"]) == ("65", "65000")
    assert "x-should-retry" not in refused.value.headers
    site.clock.advance(180)
    with pytest.raises(BudgetExhausted) as spent:
        await site.begin(max_tokens=99)
    assert (spent.value.code, spent.value.headers["x-should-retry"]) == ("budget_exhausted", "false")
    assert {name: spent.value.details[name] for name in ("scope", "maximum", "current", "resets_at")} == {
        "scope": "team t/a", "maximum": "0.000000120", "current": "0.000000030", "resets_at": "2027-01-16T00:00:00Z",
    }  # fmt: skip
    assert str(spent.value).startswith(
        "limit `money` reached: 0.000000120 EUR per day for team t/a; 0.000000030 EUR in use, and this call may need "
        "more than is left: ask for less with `max_tokens`; it has room again at "
    )
    with pytest.raises(NotAllowed) as never:
        await site.begin(max_tokens=500)
    assert (never.value.code, never.value.details["needed"]) == ("request_exceeds_limit", "0.000000501")
    assert str(never.value) == (
        "the call may need 0.000000501 EUR and limit `money` allows 0.000000120 EUR per day; "
        "send less, ask for less with `max_tokens`, or have the limit raised"
    )
    assert [refusal.bound.limit_id for refusal in site.refusals] == ["rate", "money"]


@pytest.mark.parametrize(
    "figure", ["cost_per_day: 0.000000120", "tokens_per_day: 120", "input_tokens_per_day: 120"], ids=lambda one: one[:5]
)
async def test_who_sends_more_than_is_left_is_not_told_to_ask_for_less(figure: str) -> None:
    site = Site(f"  - {{id: most, {figure}}}")
    site.end(await site.begin(max_tokens=1), usage=Usage(input_tokens=100), nano=100)
    with pytest.raises((BudgetExhausted, RateLimited)) as refused:
        await site.begin(bytes_in=200, max_tokens=1)
    assert "more than is left: what it sends is too much already, so send less" in str(refused.value)
    with pytest.raises(NotAllowed) as never:
        await site.begin(bytes_in=2_000, max_tokens=1)
    assert "; what it sends is more than that without any answer: send less, or have" in str(never.value)
    assert "max_tokens" not in str(refused.value) + str(never.value)


async def test_a_dearer_model_that_does_not_fit_says_what_would_help() -> None:
    site = Site("  - {id: money, cost_per_day: 0.000001}")
    site.permits = (CHEAP,)
    short, long = await site.begin(max_tokens=150), await site.begin(bytes_in=1_000, max_tokens=1)
    for call, said in ((short, "ask for less with `max_tokens`"), (long, "what it sends is too much already")):
        with pytest.raises(BudgetExhausted) as refused:
            await call.admit(DEAR)
        assert f"and this call may need more than is left: {said}" in str(refused.value)


@pytest.mark.parametrize("away", [False, True])
async def test_calls_are_counted_told_settled_and_refused_alike_wherever_they_are_counted(away: bool) -> None:
    site = Site("  - {id: a, requests_per_day: 2, tokens_per_day: 900, concurrent_requests: 9}", away=away)
    first = await site.begin(max_tokens=50)
    assert first.reply_headers == {
        "x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "16h0m0s",
        "x-ratelimit-limit-tokens": "900", "x-ratelimit-remaining-tokens": "849", "x-ratelimit-reset-tokens": "16h0m0s",
    }  # fmt: skip
    site.end(first, usage=Usage(output_tokens=4))
    await site.begin(max_tokens=50)
    with pytest.raises(RateLimited) as refused:
        await site.begin(max_tokens=50)
    assert (refused.value.details["dimension"], len(site.refusals)) == ("requests_per_day", 1)
    # What is larger than a limit hears that, and not when to try again, however full another one is.
    with pytest.raises(NotAllowed) as never:
        await site.begin(max_tokens=901)
    assert (never.value.code, len(site.refusals)) == ("request_exceeds_limit", 1)
    used = {"requests_per_day": 2, "tokens_per_day": 4 + 51, "concurrent_requests": 1}
    assert await site.used() == used


async def test_a_call_that_nothing_limits_is_still_asked_about_when_it_goes_to_another_model() -> None:
    site = Site("  - {id: a, match: {models: [dear]}, requests_per_day: 1}")
    site.permits = (CHEAP,)
    for admitted in (True, False):
        call = await site.begin(max_tokens=50)
        assert not call.reply_headers
        if admitted:
            await call.admit(DEAR)
            assert call.reply_headers["x-ratelimit-remaining-requests"] == "0"
        else:
            with pytest.raises(RateLimited):
                await call.admit(DEAR)
        site.end(call, usage=Usage(output_tokens=4))
    assert site.counters.holds == 0


B, C = (Permit(Model(name=name, target=Target("p", name)), Decision(allowed=True)) for name in ("b", "c"))


async def test_a_limit_counts_a_call_once_to_however_many_models_it_goes() -> None:
    site = Site(
        "  - {id: l, requests_per_day: 9, tokens_per_day: 900, concurrent_requests: 1, match: {models: [b, c]}}"
    )
    site.permits = (CHEAP,)
    call = await site.begin(max_tokens=50)
    for other in (B, C, B):
        await call.admit(other)
    bounds = site.policy.bounds(CALLER, "c", site.clock.now())
    assert [level.used for level in await site.counters.levels(bounds)] == [1, 51, 1]
    site.end(call, usage=Usage(input_tokens=100, output_tokens=10))
    assert [level.used for level in await site.counters.levels(bounds)] == [1, 110, 0]


async def test_what_a_dearer_model_may_cost_more_is_held_once() -> None:
    site = Site("  - {id: money, cost_per_day: 0.000001}")
    site.permits = (CHEAP,)
    call = await site.begin(max_tokens=50)
    for _ in range(3):
        await call.admit(DEAR)
    [level] = await site.counters.levels(site.policy.bounds(CALLER, "dear", site.clock.now()))
    assert level.used == 510
    site.end(call, usage=Usage(output_tokens=4), nano=4)
    assert site.counters.holds == 0


async def test_a_reservation_of_which_nothing_could_be_told_is_settled_all_the_same() -> None:
    site = Site("  - {id: a, requests_per_day: 1, on_exceeded: warn}")
    site.end(await site.begin(max_tokens=50), usage=Usage())
    call = call_of("chat", max_tokens=50)
    call.caller, call.permits = CALLER, site.permits

    async def service(call: Call) -> Reply:
        raise AssertionError("it goes nowhere")

    with pytest.raises(AssertionError):  # by `warned`
        await site.layer(service)(call)
    assert site.counters.holds == 1
    site.end(call, "failed")
    assert site.counters.holds == 0


async def test_on_another_model_a_call_is_asked_about_as_the_limits_in_force_then_want_it() -> None:
    site = Site("  - {id: a, requests_per_day: 9}")
    site.permits = (CHEAP,)
    call = await site.begin(max_tokens=50)
    call.record.user = "jo"
    site.limits.value = read_limits(Text("limits.yaml", b"limits:\n  - {id: u, per: [user], requests_per_day: 1}\n"))
    await call.admit(B)
    other = await site.begin(max_tokens=50)  # of nobody: the limit is not for all who do not say who they are
    site.end(other, usage=Usage())
    site.end(call, usage=Usage())
    assert site.counters.holds == 0
    assert [key for key in site.counters._counters if "jo" in key]
