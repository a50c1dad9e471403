"""Which of the permitted targets a call goes to, and what its record and its caller hear of that."""

import pytest

from gateway.core.call import Call, Reply
from gateway.core.faults import NotConfigured
from gateway.core.model import Decision, Life, Model, Permit
from gateway.core.target import Target
from gateway.pipeline.attributes import attributes_of
from gateway.router.choosing import route_values
from gateway.router.router import Router
from gateway.testing import HandClock
from tests.pipeline.test_obliging import call_of

DAY_S = 86_400.0
CLOCK = HandClock(1_800_000_000.0)


def permit(provider: str, life: Life = Life(approved_from=0.0)) -> Permit:  # noqa: B008  it is frozen
    target = Target(provider, "m")
    model = Model(name="m", target=target, place=str(target), life=life)
    return Permit(model, Decision(allowed=True, rule_id=f"of-{provider}", would_deny=(f"watch-{provider}", "all")))


async def served(call: Call) -> Reply:
    raise LookupError(str(call.target))


async def routed(*permits: Permit) -> Call:
    call = call_of("chat")
    call.permits = permits
    with pytest.raises(LookupError, match="here/m"):
        await Router({"here": served}, CLOCK)(call)
    return call


async def test_the_record_tells_of_the_target_that_is_asked_not_of_a_better_one_that_is_not_configured() -> None:
    call = await routed(permit("away"), permit("here"))
    assert (call.record.target, call.reply_headers["x-gateway-target"]) == ("here/m", "here/m")
    assert (call.record.rule_id, call.record.would_deny) == ("of-here", "watch-here all")


async def test_only_what_is_deprecated_now_is_told_to_be() -> None:
    now = CLOCK.now()
    past = await routed(permit("here", Life(approved_from=0.0, deprecated_from=now - DAY_S, sunset=now + DAY_S)))
    assert past.reply_headers["deprecation"] == f"@{int(now - DAY_S)}"
    warned = call_of("chat")
    warned.reply_headers["x-gateway-warning"] = "limit a exceeded"
    warned.permits = [permit("here", Life(approved_from=0.0, deprecated_from=now - DAY_S))]
    with pytest.raises(LookupError):
        await Router({"here": served}, CLOCK)(warned)
    assert warned.reply_headers["x-gateway-warning"] == "limit a exceeded; the model m is deprecated"
    to_come = await routed(permit("here", Life(approved_from=0.0, deprecated_from=now + DAY_S)))
    assert "deprecation" not in to_come.reply_headers
    assert "x-gateway-warning" not in to_come.reply_headers


async def test_nothing_is_asked_where_no_permitted_target_is_configured() -> None:
    call = call_of("chat")
    call.permits = [permit("away")]
    with pytest.raises(NotConfigured):
        await Router({"here": served}, CLOCK)(call)
    assert Router({}, CLOCK).output_field(call.permits) == "max_completion_tokens"


def test_a_condition_of_a_route_sees_a_prompt_by_its_name_as_one_of_a_rule_does() -> None:
    call = call_of("chat")
    call.record.prompt_id = "support/triage@7"
    assert route_values(call, attributes_of(call, ""), 0, 1)["request.prompt"] == "support/triage"
