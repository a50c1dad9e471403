"""A call's endings and closings, and who made it."""

import pytest

from gateway.core.call import Call, Operation, not_to_open
from gateway.core.fields import NoFields
from gateway.core.principal import Principal
from gateway.core.record import Record

CHAT = Operation(name="chat", path="chat/completions", otel_name="chat")


@pytest.fixture
def call() -> Call:
    record = Record(id="1", started_ns=1, tenant="", team="", key_id="", operation="chat")
    return Call(operation=CHAT, headers={}, record=record, open=not_to_open, fields=NoFields(), arrived=0.0)


def test_endings_run_once_innermost_first_whatever_one_of_them_does(call: Call) -> None:
    ran: list[str] = []

    def broken(call: Call) -> None:
        call.on_end(lambda _: ran.append("hung on by an ending"))
        raise ValueError("a bug")

    call.on_end(lambda _: ran.append("outermost"))
    call.on_end(broken)
    call.on_end(lambda _: ran.append("innermost"))
    with pytest.raises(ValueError, match="a bug"):
        call.end("completed")
    call.end("failed")
    assert ran == ["innermost", "hung on by an ending", "outermost"]
    assert call.record.outcome == "completed"


def test_closings_of_an_adopted_leg_are_the_calls_own(call: Call) -> None:
    ran: list[str] = []
    call.on_close(lambda: ran.append("kept"))
    leg = call.leg()
    leg.on_close(lambda: ran.append("leg"))
    call.adopt(leg)
    leg.close()
    call.on_close(lambda: ran.append("later"))
    call.close(keep=1)
    assert (ran, call.closings) == (["later", "leg"], 1)
    leg.on_close(lambda: ran.append("anew"))
    leg.close()
    call.close()
    assert ran == ["later", "leg", "anew", "kept"]


def test_there_is_no_caller_until_one_is_recognised(call: Call) -> None:
    assert not hasattr(call.leg(), "caller")
    with pytest.raises(AttributeError):
        _ = call.caller
    call.caller = Principal(key_id="k", tenant="t", team="a")
    assert call.leg().caller is call.caller
