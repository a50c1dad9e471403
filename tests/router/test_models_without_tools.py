"""A model whose card says that it calls no tools: what insists on one goes elsewhere or is refused, and what only offers
some is passed on with a warning."""

import msgspec
import pytest

from gateway.core.call import Call
from gateway.core.faults import BadRequest
from gateway.core.model import Decision, Life, Model, Permit
from gateway.core.target import Target
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import Fleet, fine

TOOL = {"type": "function", "function": {"name": "look"}}


def caller(place: str, tools: bool | None) -> Permit:
    provider, _, name = place.partition("/")
    told = Model(name="m", target=Target(provider, name), place=place, tools=tools)
    return Permit(told, Decision(allowed=True))


def asks(choice: object = None) -> Call:
    call = call_of("chat", model="m", messages=[{"role": "user", "content": "?"}], tools=[TOOL], tool_choice=choice)
    call.record.attributes = '{"tools":true}'
    return call


@pytest.mark.parametrize("choice", ["required", TOOL])
async def test_what_must_be_called_and_cannot_is_refused_before_anything_is_sent(choice: object) -> None:
    fleet, call = Fleet(a=[fine]), asks(choice)
    with pytest.raises(BadRequest) as caught:
        await fleet.ask(caller("a/m", False), call=call)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "tools_not_supported", "tool_choice")
    assert caught.value.message == (
        "`tool_choice` says that a tool must be called, and the model `m` calls none; leave it out, or ask a model that "
        "calls tools"
    )
    assert (fleet.asked, call.attempts, call.reply_headers) == ([], [], {})


async def test_a_target_that_calls_tools_is_asked_whatever_stands_first() -> None:
    fleet = Fleet(a=[fine], b=[fine])
    call = await fleet.ask(caller("a/m", False), caller("b/m", True), call=asks("required"))
    assert fleet.asked == ["b/m"]
    assert "x-gateway-warning" not in call.reply_headers


@pytest.mark.parametrize("choice", [None, "auto", "none"])
async def test_tools_that_may_be_called_are_passed_on_with_a_warning(choice: object) -> None:
    fleet = Fleet(a=[fine])
    call = await fleet.ask(caller("a/m", False), call=asks(choice))
    assert fleet.asked == ["a/m"]
    warning = "the model m calls no tools, and answers as if there were none"
    assert call.reply_headers["x-gateway-warning"] == warning


@pytest.mark.parametrize("tools", [True, None])
@pytest.mark.parametrize("choice", [None, "required"])
async def test_what_no_card_rules_out_is_sent_without_a_word(tools: bool | None, choice: object) -> None:
    fleet = Fleet(a=[fine])
    call = await fleet.ask(caller("a/m", tools), call=asks(choice))
    assert (fleet.asked, "x-gateway-warning" in call.reply_headers) == (["a/m"], False)


async def test_without_tools_there_is_nothing_to_warn_of() -> None:
    call = call_of("chat", model="m", messages=[{"role": "user", "content": "?"}])
    await Fleet(a=[fine]).ask(caller("a/m", False), call=call)
    assert "x-gateway-warning" not in call.reply_headers


async def test_it_stands_beside_what_else_is_warned_of() -> None:
    permit = caller("a/m", False)
    going = msgspec.structs.replace(permit.model, life=Life(approved_from=0.0, deprecated_from=1.0))
    call = await Fleet(a=[fine]).ask(Permit(going, permit.decision), call=asks())
    said = "the model m is deprecated; the model m calls no tools, and answers as if there were none"
    assert call.reply_headers["x-gateway-warning"] == said
