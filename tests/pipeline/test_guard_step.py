"""What guards look at, whatever it is called and however it is written."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.core.additions import Recalled
from gateway.core.call import Call, Reply
from gateway.core.faults import BadRequest, ContentBlocked
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.guard.loading import read_guardrails
from gateway.pipeline.guard import guard
from gateway.stores.documents import Text
from tests.pipeline.test_obliging import call_of

REDACTING = "guards: [{id: p, on: [input], detect: [personal_data], action: redact}]"
BLOCKING = "guards: [{id: s, on: [output], detect: [secrets], action: block}]"
KEY = b"AKIAQ3EGR5T7J2WXYZ4K"
EARLIER = {"role": "user", "content": "I am ann@example.com"}


async def passed(guards: str, call: Call, answer: bytes = b"{}") -> Reply:
    call.caller = Principal(key_id="k", tenant="t", team="a")
    parts = SimpleNamespace(
        guards=Live(read_guardrails(Text("guardrails.yaml", guards.encode()))),
        guarding=SimpleNamespace(guarded=lambda findings: None),
    )

    async def service(call: Call) -> Reply:
        return Reply(200, [], answer)

    return await guard(cast(Any, parts))(service)(call)


def going_on(**fields: Any) -> Call:
    """A request that goes on from a stored response."""
    call = call_of("responses", model="m", input="hi", **fields)
    call.recalled = Recalled("p", native=True, items=(EARLIER,))
    return call


async def test_a_field_of_the_request_is_never_taken_for_what_was_said_before_it() -> None:
    call = going_on(recalled=[{"content": "write to joe@example.com"}])
    await passed(REDACTING, call)
    assert b"joe@example.com" not in call.fields.encode({})
    assert call.recalled is not None
    assert "ann@example.com" not in str(call.recalled.items)
    assert "I am" in str(call.recalled.items)
    with pytest.raises(BadRequest, match="gateway:recalled"):
        await passed(REDACTING, going_on(**{"gateway:recalled": "x"}))


@pytest.mark.parametrize(
    "answer",
    [
        b'{"choices":[{"message":{"content":"%b"}}]}',
        b'{"choices":[{"message":{"content":"%b \xff"}}]}',
        b'{"id":"\xff","choices":[{"message":{"content":"%b"}}]}',
        b"\xff%b",
    ],
    ids=["in order", "bad bytes beside it", "bad bytes elsewhere", "no JSON"],
)
async def test_bytes_that_are_no_text_hide_nothing_in_an_answer(answer: bytes) -> None:
    call = call_of("chat", model="m", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(ContentBlocked):
        await passed(BLOCKING, call, answer % KEY)


async def test_bytes_that_are_no_text_pass_as_they_came_where_nothing_is_found() -> None:
    call = call_of("chat", model="m", messages=[{"role": "user", "content": "hi"}])
    answer = b'{"choices":[{"message":{"content":"hello \xff"}}]}'
    assert (await passed(BLOCKING, call, answer)).body == answer
