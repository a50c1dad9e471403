"""Which calls are not sent to a mirror, and what of its money and its pairs is not spent and not kept."""

import asyncio
import gc
from typing import Any

import msgspec
import pytest

from gateway.core.attempt import Attempt
from gateway.core.call import Call
from gateway.core.faults import NotConfigured
from gateway.core.model import Permit
from gateway.router.document import Mirror
from gateway.router.mirror_bounds import Bounds
from tests.router.mirrors import NANO, Site, whole
from tests.router.test_attempts_made import permit


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


@pytest.mark.parametrize(("inputs", "order"), [(("text",), ["a"]), (("text", "image"), ["a", "b"]), ((), ["a", "b"])])
async def test_an_image_goes_to_no_mirror_whose_card_says_that_its_model_reads_none(
    inputs: tuple[str, ...], order: list[str]
) -> None:
    site = Site()
    image = {"type": "image_url", "image_url": {"url": "https://pictures.test/cat.png"}}
    call = site.call(messages=[{"role": "user", "content": [image]}])
    card = permit("b/big", "big")
    call.judge = lambda call, name: [
        msgspec.structs.replace(card, model=msgspec.structs.replace(card.model, inputs=inputs))
    ]
    await site.ask(call)
    await site.settled()
    assert (site.order, site.told.out) == (order, [] if "b" in order else [("m", "big", "not_read")])


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
