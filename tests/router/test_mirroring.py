"""A part of the calls is sent to another model as well: never seen by the caller, always in the books."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from gateway.core.attempt import MIRRORS, Attempt, Charge
from gateway.core.call import Call, Reply
from gateway.core.faults import NotConfigured, UpstreamBroken
from gateway.core.live import Live
from gateway.core.model import Permit
from gateway.core.usage import Usage
from gateway.pairs.store import Pair
from gateway.router.document import Mirror
from gateway.router.loading import read_routes
from gateway.router.mirror_bounds import Bounds
from gateway.router.mirroring import MirrorDeps, Mirrors
from gateway.router.router import Router
from gateway.router.telling import Untold
from gateway.stores.documents import Text
from gateway.testing import HandClock
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import A, permit

NANO = 1_000_000_000
Answer = Callable[[Call], Any]


class Told(Untold):
    def __init__(self) -> None:
        self.mirrors: list[tuple[str, str, str, int]] = []
        self.out: list[tuple[str, str, str]] = []
        self.pairs: list[str] = []

    def mirrored(self, route: str, model: str, result: str, nano: int) -> None:
        self.mirrors.append((route, model, result, nano))

    def left_out(self, route: str, model: str, reason: str) -> None:
        self.out.append((route, model, reason))

    def paired(self, result: str) -> None:
        self.pairs.append(result)


class Site:
    """Two upstreams, `a` for the caller and `b` for the mirror, and the books that are kept of mirrors."""

    def __init__(self, options: str = "", routes: str = "", **deps: Any) -> None:
        self.clock = HandClock(1_800_000_000.0)
        text = f"{routes}\nroutes: {{m: {{mirrors: [{{model: big{', ' if options else ''}{options}}}]}}}}"
        live = Live(read_routes(Text("routes.yaml", text.encode())))
        self.answers: dict[str, Answer] = {"a": lambda call: whole(b"caller's"), "b": lambda call: whole(b"mirror's")}
        providers = dict.fromkeys("ab", self._serve)
        self.router = Router(providers, self.clock, live)
        self.told, self.order = Told(), list[str]()
        self.opened, self.closed = list[Call](), list[Call]()
        self.pairs = list[Pair]()
        self.thrown, self.cost, self.journal_full = 0.0, 10, False
        given: dict[str, Any] = {"cost_of": lambda call, permit: 10, "keeps": self, "max_body_bytes": 1_000, **deps}
        self.mirrors = Mirrors(
            MirrorDeps(
                providers=providers,
                standings=self.router.standings,
                routes=live,
                clock=self.clock,
                books=Books(self),
                told=self.told,
                die=lambda: self.thrown,
                **given,
            )
        )
        self.service = self.mirrors.beside(self.router)

    def offer(self, pair: Pair) -> None:
        self.pairs.append(pair)

    async def _serve(self, call: Call) -> Reply:
        assert call.target is not None
        self.order.append(call.target.provider)
        call.served.asked = True
        await asyncio.sleep(0)
        reply = self.answers[call.target.provider](call)
        return await reply if asyncio.iscoroutine(reply) else reply

    def call(self, operation: str = "chat", **fields: Any) -> Call:
        call = call_of(operation, **fields)
        call.model, call.permits = "m", (A,)
        call.record.id, call.record.model = "01-call", "m"
        call.judge = lambda call, name: [permit("b/big", name)] if name == "big" else []
        return call

    async def ask(self, call: Call | None = None) -> tuple[Call, bytes]:
        """A call from beginning to end, as the edge does it."""
        call = call or self.call()
        reply = await self.service(call)
        body = reply.body
        for tap in reply.taps:
            body = tap(body)
        call.record.status = reply.status
        call.end("completed")
        call.close()
        return call, body

    async def settled(self) -> None:
        """Until no mirror is under way."""
        async with asyncio.timeout(5):
            while any(view["in_flight"] for view in self.mirrors.view()):
                await asyncio.sleep(0)


class Books:
    def __init__(self, site: Site) -> None:
        self._site = site

    def opened(self, call: Call) -> None:
        if self._site.journal_full:
            raise OSError("full")
        self._site.opened.append(call)

    def closed(self, call: Call) -> None:
        attempt = call.attempts[-1]
        attempt.pricing, attempt.charges = "priced", (Charge("output_tokens", 1, nano=self._site.cost),)
        self._site.closed.append(call)


def whole(body: bytes, status: int = 200) -> Reply:
    return Reply(status, [], body)


def streamed(*pieces: bytes | Exception) -> Reply:
    left = list(pieces)

    async def pull() -> bytes | None:
        await asyncio.sleep(0)
        if not left:
            return None
        if isinstance(piece := left.pop(0), Exception):
            raise piece
        return piece

    return Reply(200, [], stream=pull)


async def test_a_mirror_is_a_call_of_its_own_that_nobody_pays() -> None:
    site = Site()
    call, body = await site.ask()
    await site.settled()
    assert (body, site.order) == (b"caller's", ["a", "b"])
    assert [attempt.target for attempt in call.attempts] == ["a/m"]
    (leg,) = site.opened
    assert site.closed == [leg]
    record, (attempt,) = leg.record, leg.attempts
    assert record.id != call.record.id
    assert (record.client_request_id, record.variant, record.route, record.model) == (
        call.record.id,
        "mirror",
        "m",
        "big",
    )
    assert (record.tenant, record.team, record.key_id) == (call.record.tenant, call.record.team, call.record.key_id)
    assert (record.outcome, record.status, record.rule_id) == ("completed", 200, "of-b")
    assert (attempt.role, attempt.account, attempt.target, attempt.served) == ("mirror", MIRRORS, "b/big", False)
    assert site.told.mirrors == [("m", "big", "completed", 10)]
    assert call.record.variant == ""


async def test_the_first_target_is_asked_first_and_where_none_is_no_mirror_is() -> None:
    site = Site()
    call = site.call()
    call.permits = ()
    with pytest.raises(NotConfigured):
        await site.service(call)
    await site.settled()
    assert site.order == []
    hedged = Site()
    hedged.router._routes.value = read_routes(
        Text("r", b"routes: {m: {hedge: {after_ms: 1}, mirrors: [{model: big}]}}")
    )
    call = hedged.call()
    call.permits = (A, permit("a/n"))
    await hedged.ask(call)
    await hedged.settled()
    assert hedged.order == ["a", "b"]


async def test_a_mirror_that_never_answers_keeps_nobody_waiting_and_has_its_bound() -> None:
    site = Site("max_in_flight: 3")
    never = asyncio.Event()

    async def hangs() -> Reply:
        await never.wait()
        return whole(b"")

    site.answers["b"] = lambda call: hangs()
    for _ in range(10):
        assert (await site.ask())[1] == b"caller's"
        await asyncio.sleep(0)
    assert site.order.count("b") == 3
    assert site.told.out == [("m", "big", "max_in_flight")] * 7
    never.set()
    await site.settled()
    await site.ask()
    await site.settled()
    assert site.order.count("b") == 4


async def test_at_the_end_what_is_under_way_is_given_up_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.router.mirroring.CLOSE_S", 0.01)
    site, shut = Site(), list[str]()

    async def hangs(call: Call) -> Reply:
        call.on_close(lambda: shut.append("upstream"))
        await asyncio.Event().wait()
        raise AssertionError

    site.answers["b"] = hangs
    async with site.mirrors:
        await site.ask()
        while "b" not in site.order:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
    (leg,) = site.closed
    assert (leg.record.outcome, shut) == ("cancelled", ["upstream"])
    assert site.told.mirrors == [("m", "big", "cancelled", 10)]
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda call: whole(b"{}", 503), "upstream_status_503"),
        (lambda call: streamed(b"data: 1\n\n", UpstreamBroken("cut", code="upstream_cut_short")), "upstream_cut_short"),
    ],
)
async def test_one_that_fails_is_counted_and_rests_nobody(answer: Answer, code: str) -> None:
    site = Site()
    site.answers["b"] = answer
    for _ in range(10):
        assert (await site.ask())[1] == b"caller's"
        await site.settled()
    assert {call.record.error_code for call in site.closed} == {code}
    assert site.told.mirrors == [("m", "big", "failed", 10)] * 10
    assert site.router.standings.of("b/big").breaker.state == "closed"


async def test_a_bug_of_a_mirrors_provider_harms_nobody() -> None:
    site = Site()

    def broken(call: Call) -> Reply:
        raise LookupError("a bug")

    site.answers["b"] = broken
    assert (await site.ask())[1] == b"caller's"
    await site.settled()
    assert [(call.record.outcome, call.record.error_code) for call in site.closed] == [("failed", "internal_error")]


async def test_one_that_takes_too_long_is_given_up() -> None:
    site = Site("timeout_s: 0.01")

    async def hangs() -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    site.answers["b"] = lambda call: hangs()
    await site.ask()
    async with asyncio.timeout(5):
        while not site.closed:
            await asyncio.sleep(0.005)
    assert site.closed[0].record.error_code == "mirror_timeout"


async def test_a_stream_is_read_to_its_end_through_its_taps() -> None:
    site = Site()

    def answer(call: Call) -> Reply:
        reply = streamed(b"one", b"two")

        def tap(piece: bytes) -> bytes:
            call.served.usage = Usage(output_tokens=len(piece))
            return piece

        reply.taps.append(tap)
        return reply

    site.answers["b"] = answer
    await site.ask()
    await site.settled()
    (leg,) = site.closed
    assert (leg.record.bytes_out, leg.served.usage, leg.record.outcome) == (6, Usage(output_tokens=3), "completed")


async def test_the_die_says_which_calls_are_mirrored() -> None:
    site = Site("share: 0.25")
    for thrown in (0.0, 0.24, 0.25, 0.9):
        site.thrown = thrown
        await site.ask()
        await site.settled()
    assert site.order.count("b") == 2


@pytest.mark.parametrize(
    ("operation", "fields", "attributes"),
    [
        ("images", {"prompt": "x"}, ""),
        ("responses", {"background": True}, ""),
        ("responses", {"tools": [{"type": "mcp"}]}, '{"tools":true,"hosted_tools":["mcp","web_search"]}'),
    ],
)
async def test_what_would_be_done_twice_is_not_mirrored(
    operation: str, fields: dict[str, Any], attributes: str
) -> None:
    site = Site()
    call = site.call(operation, **fields)
    call.record.attributes = attributes
    await site.ask(call)
    await site.settled()
    assert (site.order, site.told.out) == (["a"], [("m", "big", "not_repeatable")])


async def test_a_search_that_the_provider_makes_is_only_read() -> None:
    site = Site()
    call = site.call("responses", tools=[{"type": "web_search"}])
    call.record.attributes = '{"tools":true,"hosted_tools":["web_search"]}'
    await site.ask(call)
    await site.settled()
    assert site.order == ["a", "b"]


async def test_only_what_the_caller_may_use_and_what_is_configured_and_works_is_asked() -> None:
    def refuse(call: Call, name: str) -> list[Permit]:
        return []

    def elsewhere(call: Call, name: str) -> list[Permit]:
        return [permit("c/big", name)]

    for judge, reason in ((refuse, "not_permitted"), (elsewhere, "not_configured")):
        site = Site()
        call = site.call()
        call.judge = judge
        await site.ask(call)
        await site.settled()
        assert (site.order, site.told.out) == (["a"], [("m", "big", reason)])
    site = Site()
    site.router.standings.of("b/big").draining = True
    await site.ask()
    await site.settled()
    assert site.told.out == [("m", "big", "resting")]


async def test_a_target_as_full_as_batch_may_make_it_gets_no_copies() -> None:
    site = Site()
    standing = site.router.standings.of("b/big")
    standing.gradient.limit = 10.0
    for _ in range(7):
        standing.begun(site.clock.monotonic())
    await site.ask()
    await site.settled()
    assert site.told.out == [("m", "big", "resting")]


async def test_what_a_mirrors_policy_asks_for_changes_the_mirrors_call_and_not_the_callers() -> None:
    site, judged = Site("keep: true"), list[Call]()

    def judge(call: Call, name: str) -> list[Permit]:
        judged.append(call)
        call.keep_content = False
        return [permit("b/big", name)]

    call = site.call()
    call.judge = judge
    await site.ask(call)
    await site.settled()
    assert judged == site.closed
    assert judged[0] is not call
    assert call.keep_content
    assert site.told.pairs == ["not_to_be_kept"]


async def test_a_days_money_is_not_overspent_and_comes_anew() -> None:
    site = Site("cost_per_day: 0.000000025")  # 25 nano; one may cost 10
    for _ in range(5):
        await site.ask()
        await site.settled()
    assert site.order.count("b") == 2
    assert site.told.out == [("m", "big", "cost_per_day")] * 3
    site.clock.advance(86_400)
    await site.ask()
    await site.settled()
    assert site.order.count("b") == 3


async def test_what_has_no_price_has_no_place_under_a_bound_on_money() -> None:
    site = Site("cost_per_day: 5", cost_of=lambda call, permit: None)
    await site.ask()
    await site.settled()
    assert (site.order, site.told.out) == (["a"], [("m", "big", "unpriced")])


def test_what_is_under_way_has_its_money_reserved() -> None:
    bounds, mirror = Bounds(), Mirror(model="x", cost_per_day=25 / NANO)
    assert [bounds.too_dear(mirror, 10, 0.0) for _ in range(3)] == ["", "", "cost_per_day"]
    bounds.settle(mirror, 10, 2, 0.0)
    assert bounds.too_dear(mirror, 10, 0.0) == ""
    bounds.settle(mirror, 10, None, 0.0)
    assert (bounds.spent, bounds.reserved) == (12, 10)


async def test_what_cannot_be_recorded_is_not_made() -> None:
    site = Site()
    site.journal_full = True
    await site.ask()
    await site.settled()
    assert (site.order, site.told.out) == (["a"], [("m", "big", "unrecorded")])


async def test_both_answers_are_kept_whichever_ends_last() -> None:
    site = Site("keep: true")
    call = site.call(messages=[{"role": "user", "content": "hi"}])
    call.record.cost_nano, call.record.target = 7, "a/m"
    await site.ask(call)
    assert site.pairs == []
    await site.settled()
    (pair,) = site.pairs
    assert (pair.primary.answer, pair.mirror.answer) == (b"caller's", b"mirror's")
    assert b'"content":' in pair.request
    assert (pair.call, pair.id, pair.mirror_model) == ("01-call", site.closed[0].record.id, "big")
    assert (pair.primary.cost_nano, pair.mirror.cost_nano) == (7, 10)
    assert (pair.primary.target, pair.mirror.target) == ("a/m", "b/big")
    late = site.call()
    reply = await site.service(late)
    await site.settled()
    assert len(site.pairs) == 1
    assert [tap(reply.body) for tap in reply.taps] == [reply.body]
    late.end("completed")
    late.close()
    assert len(site.pairs) == 2


async def test_no_pair_without_both_answers_within_the_bound_or_against_the_callers_policy() -> None:
    site = Site("keep: true", max_body_bytes=8)
    await site.ask()
    await site.settled()
    site.answers["b"] = lambda call: whole(b"longer than eight")
    await site.ask()
    await site.settled()
    site.answers["b"] = lambda call: whole(b"{}", 500)
    await site.ask()
    await site.settled()
    private = site.call()
    private.keep_content = False
    await site.ask(private)
    await site.settled()
    assert (len(site.pairs), site.told.pairs) == (1, ["too_large", "incomplete"])


async def test_an_idempotency_key_is_the_callers_own() -> None:
    site, seen = Site(), list[dict[bytes, bytes]]()
    for name in "ab":
        site.answers[name] = lambda call: (seen.append(dict(call.headers)), whole(b"x"))[1]
    call = site.call()
    call.headers = {b"idempotency-key": b"k", b"x-session-id": b"s"}
    await site.ask(call)
    await site.settled()
    assert seen == [{b"idempotency-key": b"k", b"x-session-id": b"s"}, {b"x-session-id": b"s"}]


async def test_nothing_of_a_call_is_left_behind() -> None:
    site = Site("keep: true")
    await site.ask()
    await site.settled()
    site.opened.clear()
    site.closed.clear()
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(one, Call) for one in gc.get_objects())
        for _ in range(5):
            await site.ask()
            await site.settled()
        site.opened.clear()
        site.closed.clear()
        await asyncio.sleep(0)
        assert sum(isinstance(one, Call) for one in gc.get_objects()) == before
    finally:
        gc.enable()


async def test_a_model_that_judged_before_is_no_first_target() -> None:
    site = Site()
    call = site.call()
    call.attempts.append(Attempt(role="judge"))
    call.permits = ()
    with pytest.raises(NotConfigured):
        await site.service(call)
    await site.settled()
    assert site.order == []
    judged = site.call()
    judged.attempts.append(Attempt(role="judge"))
    await site.ask(judged)
    await site.settled()
    assert site.order == ["a", "b"]
