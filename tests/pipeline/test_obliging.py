"""What policy changes of a request, in every dialect."""

import json
from typing import Any

import pytest

from gateway.core.call import Call
from gateway.core.faults import BadRequest
from gateway.core.model import Decision, Model, Obligations, Permit
from gateway.core.record import Record
from gateway.core.target import Target
from gateway.dialects.openai.body import read_json
from gateway.edge.operations import OPERATIONS
from gateway.pipeline.obliging import oblige


def call_of(operation: str, **fields: Any) -> Call:
    kind = next(one for one in OPERATIONS if one.name == operation)
    record = Record(id="r", started_ns=0, tenant="t", team="a", key_id="k", operation=operation)

    async def opened() -> None:
        raise AssertionError("already open")

    return Call(
        operation=kind,
        headers={},
        record=record,
        open=opened,
        fields=read_json(json.dumps(fields).encode()),
        arrived=0.0,
    )


CAPS = [
    ("chat", {}, {"max_tokens": 50}),
    ("chat", {"max_completion_tokens": 60, "max_tokens": 7}, {"max_completion_tokens": 50, "max_tokens": 7}),
    ("chat", {"max_tokens": -1}, {"max_tokens": 50}),
    ("completions", {}, {"max_tokens": 50}),
    ("responses", {"max_output_tokens": 51}, {"max_output_tokens": 50}),
    ("messages", {"max_tokens": 49}, {"max_tokens": 49}),
    ("generate", {}, {"generationConfig": {"maxOutputTokens": 50}}),
    ("generate", {"generationConfig": {"temperature": 1}}, {"generationConfig": {"temperature": 1, "maxOutputTokens": 50}}),
    ("generate", {"generationConfig": {"maxOutputTokens": 99, "topK": 3}}, {"generationConfig": {"maxOutputTokens": 50, "topK": 3}}),
    ("embeddings", {"input": "x"}, {"input": "x"}),
]  # fmt: skip


def capped(call: Call, **obligations: Any) -> dict[str, Any]:
    model = Model(name="m", target=Target("p", "m"), place="p/m")
    decision = Decision(allowed=True, obligations=Obligations(max_output_tokens=50, **obligations))
    oblige(call, [Permit(model, Decision(allowed=True)), Permit(model, decision)], lambda _target: "max_tokens")
    return json.loads(call.fields.encode({}))


@pytest.mark.parametrize(("operation", "fields", "sent"), CAPS)
def test_a_cap_holds_in_every_dialect(operation: str, fields: dict[str, Any], sent: dict[str, Any]) -> None:
    call = call_of(operation, **fields)
    assert capped(call) == sent
    assert call.fields.decoded() == sent, "translated calls read the same"
    assert all(call.fields.get(name) == value for name, value in sent.items())


@pytest.mark.parametrize("value", ["500", 500.5, True, [500]])
def test_a_length_that_cannot_be_held_to_a_cap_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match="must be a whole number"):
        capped(call_of("chat", max_tokens=value))
    with pytest.raises(BadRequest, match="must be a whole number"):
        capped(call_of("generate", generationConfig={"maxOutputTokens": value}))


def test_nothing_is_kept_if_one_target_wants_that() -> None:
    call = call_of("chat")
    capped(call, no_content=True)
    assert not call.keep_content
    assert call.reply_headers["x-gateway-obligations"] == "max_output_tokens=50, no_content"
