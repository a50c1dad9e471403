"""What the router does when targets fail: whom it asks next, what it tells, and what the record keeps of it."""

import contextlib
import json
from collections.abc import Callable, Sequence

import pytest

from gateway.core.attempt import RETRIES
from gateway.core.call import Call, Reply, Service
from gateway.core.faults import BadRequest, Fault, RateLimited, UpstreamResting, UpstreamTimeout, UpstreamUnreachable
from gateway.core.live import Live
from gateway.core.model import Decision, Model, Permit
from gateway.core.target import Target
from gateway.core.usage import Usage
from gateway.router.loading import NO_ROUTES, Routes, read_routes
from gateway.router.router import Router
from gateway.stores.documents import Text
from gateway.testing import HandClock
from tests.pipeline.test_obliging import call_of

Said = Reply | Fault
FINE = "fine"


def permit(place: str, model: str = "m", context: int | None = None) -> Permit:
    provider, _, name = place.partition("/")
    told = Model(name=model, target=Target(provider, name), place=place, context_tokens=context)
    return Permit(told, Decision(allowed=True, rule_id=f"of-{provider}"))


def refusal(status: int, code: str = "x", **headers: str) -> Callable[[], Reply]:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda: Reply(status, pairs, json.dumps({"error": {"code": code}}).encode())


class Fleet:
    """Upstreams by provider; each answers with its scripts in turn, the last for ever. `asked`: in order."""

    def __init__(self, routes: str = "", **scripts: Sequence[Callable[[], Said]]) -> None:
        self.asked: list[str] = []
        self.clock = HandClock(1_800_000_000.0)
        self.thrown = 0.0
        self._left = {name: list(script) for name, script in scripts.items()}
        self.live: Live[Routes] = Live(read_routes(Text("routes.yaml", routes.encode())) if routes else NO_ROUTES)
        self.use(**dict.fromkeys(scripts, self._serve))

    def use(self, **providers: Service) -> None:
        self.router = Router(providers, self.clock, self.live, die=lambda: self.thrown)

    async def _serve(self, call: Call) -> Reply:
        assert call.target is not None
        self.asked.append(str(call.target))
        call.served.asked = True
        left = self._left[call.target.provider]
        said = (left.pop(0) if len(left) > 1 else left[0])()
        if isinstance(said, Fault):
            raise said
        call.served.usage = Usage(input_tokens=1)
        return said

    async def ask(self, *permits: Permit, call: Call | None = None) -> Call:
        call = call or call_of("chat", model="m")
        call.model, call.permits = call.model or "m", permits
        reply = await self.router(call)
        call.record.status = reply.status
        return call


def fine() -> Reply:
    return Reply(200, [], FINE.encode())


def down() -> Fault:
    return UpstreamUnreachable("gone")


A, B = permit("a/m"), permit("b/m")
BRISK = "retries: {base_ms: 0}\n"


async def test_the_next_target_is_asked_when_one_fails_and_the_record_keeps_both() -> None:
    fleet = Fleet(a=[down], b=[fine])
    call = await fleet.ask(A, B)
    assert fleet.asked == ["a/m", "b/m"]
    first, second = call.attempts
    assert (first.role, first.outcome, first.error_code, first.account) == (
        "primary",
        "failed",
        "upstream_unreachable",
        RETRIES,
    )
    assert (second.role, second.outcome, second.account) == ("fallback", "open", "")
    assert (call.record.target, call.record.rule_id, call.reply_headers["x-gateway-target"]) == ("b/m", "of-b", "b/m")
    assert call.reply_headers["x-gateway-attempts"] == "2"


async def test_a_target_that_has_no_other_is_asked_again() -> None:
    fleet = Fleet(BRISK, a=[refusal(503), fine])
    call = await fleet.ask(A)
    assert [attempt.role for attempt in call.attempts] == ["primary", "retry"]


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_what_is_the_callers_to_mend_is_passed_on_at_once(status: int) -> None:
    fleet = Fleet(BRISK, a=[refusal(status)], b=[fine])
    call = await fleet.ask(A, B)
    assert (fleet.asked, call.record.status) == (["a/m"], status)
    assert "x-gateway-attempts" not in call.reply_headers


async def test_there_are_never_more_attempts_than_the_route_says_and_the_last_failure_stands() -> None:
    fleet = Fleet("retries: {max_attempts: 4, base_ms: 0}", a=[refusal(500)])
    call = await fleet.ask(A)
    assert (len(fleet.asked), call.record.status) == (4, 500)


async def test_a_retry_after_that_is_too_long_is_told_to_the_caller_instead() -> None:
    fleet = Fleet(a=[refusal(429, retry_after="30")])
    call = await fleet.ask(A)
    assert (fleet.asked, call.record.status) == (["a/m"], 429)


async def test_a_target_that_has_too_much_to_do_rests_while_others_have_room() -> None:
    fleet = Fleet(a=[refusal(429, retry_after="30"), fine], b=[fine])
    await fleet.ask(A, B)
    await fleet.ask(A, B)
    fleet.clock.advance(31)
    await fleet.ask(A, B)
    assert fleet.asked == ["a/m", "b/m", "b/m", "a/m"]


async def test_a_prompt_that_is_too_long_goes_to_a_model_that_reads_more_and_speaks_against_nobody() -> None:
    route = "routes: {m: {fallbacks: {context_too_long: [large]}}}"
    fleet = Fleet(route, a=[refusal(400, "context_length_exceeded")], b=[fine], c=[fine])
    for _ in range(8):
        call = call_of("chat", model="m")
        call.judge = lambda call, name: [permit("c/large", name, 1_000)] if name == "large" else []
        await fleet.ask(permit("a/m", context=10), permit("b/m", context=10), call=call)
        assert call.attempts[-1].role == "fallback"
    assert fleet.asked == ["a/m", "c/large"] * 8


async def test_the_last_attempt_is_for_a_model_to_fall_back_to_where_the_route_names_one() -> None:
    for route, asked in (("any: [c]", ["a/m", "c/m"]), ("timeout: [c]", ["a/m", "b/m"])):
        fleet = Fleet(
            f"routes: {{m: {{retries: {{max_attempts: 2}}, fallbacks: {{{route}}}}}}}",
            a=[refusal(500)],
            b=[refusal(500)],
            c=[fine],
        )
        call = call_of("chat", model="m")
        call.judge = lambda call, name: [permit("c/m", name)]
        await fleet.ask(A, B, call=call)
        assert fleet.asked == asked


async def test_a_fallback_that_the_caller_may_not_use_is_none() -> None:
    fleet = Fleet("retries: {max_attempts: 2, base_ms: 0}\nroutes: {m: {fallbacks: {any: [large]}}}", a=[refusal(500)])
    call = await fleet.ask(A)
    assert (fleet.asked, call.record.status) == (["a/m", "a/m"], 500)


async def test_a_fallback_whose_limits_have_no_room_is_left_out() -> None:
    async def full(other: Permit) -> None:
        raise RateLimited(f"no room at {other.model.place}")

    call = call_of("chat", model="m")
    call.admit = full
    fleet = Fleet("retries: {max_attempts: 2, base_ms: 0}", a=[refusal(500), fine], b=[fine])
    await fleet.ask(A, B, call=call)
    assert fleet.asked == ["a/m", "a/m"]


async def test_a_target_that_keeps_failing_is_left_alone_and_tried_again_later() -> None:
    fleet = Fleet("retries: {max_attempts: 1}", a=[down, down, down, down, down, fine])
    for _ in range(5):
        with pytest.raises(UpstreamUnreachable):
            await fleet.ask(A)
    with pytest.raises(UpstreamResting) as caught:
        await fleet.ask(A)
    assert caught.value.headers["retry-after"] == "1"
    assert len(fleet.asked) == 5
    fleet.clock.advance(1)
    assert (await fleet.ask(A)).record.status == 200


async def test_an_outage_is_not_multiplied() -> None:
    fleet = Fleet(
        "ejection: {consecutive: 1000, failure_rate: 1, min_calls: 100000}\nretries: {base_ms: 0}", a=[refusal(500)]
    )
    for _ in range(500):
        fleet.clock.advance(0.01)
        await fleet.ask(A)
    assert len(fleet.asked) <= 500 * 1.2 + 20


async def test_only_what_did_nothing_is_asked_elsewhere_where_asking_twice_would_do_something_twice() -> None:
    acting, reading = (f'{{"hosted_tools":["{tool}"]}}' for tool in ("mcp", "web_search"))
    for operation, tools in (("images", ""), ("responses", acting), ("responses", reading)):
        for fault, asked in ((down, ["a/m"]), (refusal(429), ["a/m", "b/m"])):
            fleet = Fleet(BRISK, a=[fault], b=[fine])
            call = call_of(operation, prompt="x")
            call.record.attributes = tools
            with contextlib.suppress(UpstreamUnreachable):
                await fleet.ask(A, B, call=call)
            assert fleet.asked == (["a/m", "b/m"] if tools == reading else asked)


async def test_a_request_that_one_target_cannot_be_told_goes_to_another_or_the_caller_hears_why() -> None:
    fleet = Fleet(a=[lambda: BadRequest("no audio here", param="messages[0]")], b=[fine])
    assert (await fleet.ask(A, B)).record.status == 200
    with pytest.raises(BadRequest, match="no audio here"):
        await fleet.ask(A)


async def test_a_bug_is_no_reason_to_ask_somebody_else() -> None:
    def broken() -> Said:
        raise LookupError("a bug")

    fleet = Fleet(a=[broken], b=[fine])
    with pytest.raises(LookupError):
        await fleet.ask(A, B)
    assert fleet.asked == ["a/m"]


async def test_nothing_of_a_failed_attempt_is_left_on_the_call() -> None:
    closed: list[str] = []

    async def first(call: Call) -> Reply:
        call.reply_headers["x-gateway-dropped"] = "seed"
        call.on_close(lambda: closed.append("upstream"))
        call.served.usage = Usage(input_tokens=7)
        raise down()

    async def second(call: Call) -> Reply:
        assert closed == ["upstream"]
        assert call.served.usage is None
        return fine()

    fleet = Fleet(a=[fine], b=[fine])
    fleet.use(a=first, b=second)
    call = call_of("chat", model="m")
    call.on_close(lambda: closed.append("before"))
    await fleet.ask(A, B, call=call)
    assert "x-gateway-dropped" not in call.reply_headers
    assert closed == ["upstream"]
    assert call.attempts[0].usage == Usage(input_tokens=7)


async def test_an_attempt_that_takes_too_long_is_given_up_and_the_callers_deadline_ends_all() -> None:
    import asyncio

    async def never(call: Call) -> Reply:
        call.served.asked = True
        await asyncio.Event().wait()
        raise AssertionError(call)

    async def ok(call: Call) -> Reply:
        return fine()

    fleet = Fleet("timeout_s: 0.02", a=[fine], b=[fine])
    fleet.use(a=never, b=ok)
    call = await fleet.ask(A, B)
    assert call.attempts[0].error_code == "upstream_timeout_attempt"
    late = call_of("chat", model="m")
    late.deadline = fleet.clock.monotonic() + 0.005
    fleet.use(a=never, b=never)
    with pytest.raises(UpstreamTimeout) as caught:
        await fleet.ask(A, B, call=late)
    assert caught.value.code == "deadline_exceeded"
