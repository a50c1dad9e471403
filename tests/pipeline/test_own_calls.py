"""Calls that the gateway makes for a caller: whatever becomes of one, whoever asked for it goes on."""

import pytest

from gateway.core.call import Call, Reply
from gateway.core.clock import SystemClock
from gateway.dialects.openai.operations import OPERATIONS
from gateway.pipeline.own_calls import OwnCalls
from gateway.transport.errors import to_fault

CHAT = next(one for one in OPERATIONS if one.name == "chat")


async def test_a_bug_on_the_way_is_an_answer_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    calls = OwnCalls(SystemClock())

    async def service(call: Call) -> Reply:
        raise to_fault(LookupError("a bug"))

    calls.service = service
    answered = await calls(CHAT, {}, b"{}", 5.0)
    assert (answered.status, answered.record.outcome, answered.record.error_code) == (500, "failed", "internal_error")
    assert answered.record.id in caplog.messages[0]
    assert "a bug" in caplog.text
