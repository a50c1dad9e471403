"""What a cap and `no_content` make of a request, however it is written."""

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

MOST = 50
LIMIT = {"maxOutputTokens": MOST}


async def unopened() -> None:
    raise AssertionError("the body is open already")


def obliged(body: dict[str, Any], name: str = "chat", chat_field: str = "max_tokens", **asked: Any) -> dict[str, Any]:
    """The body as it is sent on."""
    operation = next(one for one in OPERATIONS if one.name == name)
    raw = json.dumps(body).encode()
    record = Record(id="r", started_ns=0, tenant="acme", team="web", key_id="k", operation=name, bytes_in=len(raw))
    made = Call(operation=operation, headers={}, record=record, open=unopened, fields=read_json(raw), arrived=0.0)
    obligations = Obligations(**(asked or {"max_output_tokens": MOST}))
    permit = Permit(Model(name="m", target=Target("p", "m")), Decision(allowed=True, obligations=obligations))
    oblige(made, [permit], lambda permits: chat_field)
    sent: dict[str, Any] = json.loads(made.fields.encode({}))
    assert made.fields.decoded() == sent, "a call that is translated has the same fields"
    return sent


@pytest.mark.parametrize(
    ("name", "body", "sent"),
    [
        # A number below 1 means `no limit` to llama.cpp and others.
        ("chat", {"max_tokens": -1}, {"max_tokens": MOST}),
        ("chat", {"max_tokens": 0}, {"max_tokens": MOST}),
        ("chat", {"max_tokens": None}, {"max_tokens": MOST}),
        ("generate", {"generationConfig": {"maxOutputTokens": -1}}, {"generationConfig": LIMIT}),
        # A field of another dialect is ignored by the upstream: that it is low says nothing.
        ("chat", {"max_output_tokens": 5}, {"max_output_tokens": 5, "max_tokens": MOST}),
        ("chat", {"generationConfig": {"maxOutputTokens": 5}}, {"generationConfig": {"maxOutputTokens": 5}, "max_tokens": MOST}),
        ("responses", {"max_tokens": 5}, {"max_tokens": 5, "max_output_tokens": MOST}),
        ("messages", {"max_completion_tokens": 5}, {"max_completion_tokens": 5, "max_tokens": MOST}),
        ("completions", {"max_completion_tokens": 5}, {"max_completion_tokens": 5, "max_tokens": MOST}),
        ("generate", {"max_tokens": 5}, {"max_tokens": 5, "generationConfig": LIMIT}),
        # Of two spellings the upstream takes one.
        (
            "generate",
            {"generationConfig": {"temperature": 1}, "generation_config": {"max_output_tokens": 5}},
            {"generationConfig": {"temperature": 1, **LIMIT}, "generation_config": {"max_output_tokens": 5}},
        ),
        (
            "generate",
            {"generation_config": {"max_output_tokens": 500, "maxOutputTokens": 7}},
            {"generation_config": {"max_output_tokens": MOST, "maxOutputTokens": 7}},
        ),
        # What llama.cpp and TGI believe before anything else.
        ("chat", {"max_tokens": 5, "n_predict": 9999}, {"max_tokens": 5, "n_predict": MOST}),
        ("completions", {"max_tokens": 5, "n_predict": -1}, {"max_tokens": 5, "n_predict": MOST}),
        ("chat", {"max_tokens": 5, "max_new_tokens": 9999}, {"max_tokens": 5, "max_new_tokens": MOST}),
        ("chat", {"max_tokens": 10**30}, {"max_tokens": MOST}),
        # The choices share the cap.
        ("chat", {"max_tokens": 30, "n": 10}, {"max_tokens": 5, "n": 10}),
        ("completions", {"best_of": 5, "n": 1}, {"best_of": 5, "n": 1, "max_tokens": 10}),
        (
            "generate",
            {"generationConfig": {"candidateCount": 2}},
            {"generationConfig": {"candidateCount": 2, "maxOutputTokens": 25}},
        ),
        ("embeddings", {"input": "x"}, {"input": "x"}),
    ],
)  # fmt: skip
def test_a_cap_holds_however_the_length_is_said(name: str, body: dict[str, Any], sent: dict[str, Any]) -> None:
    assert obliged(body, name) == sent


def test_a_chat_is_capped_in_the_field_that_its_target_reads() -> None:
    assert obliged({"max_completion_tokens": 500}) == {"max_tokens": MOST}
    assert obliged({"max_completion_tokens": 5}) == {"max_tokens": 5}
    assert obliged({"max_tokens": 500}, chat_field="max_completion_tokens") == {"max_completion_tokens": MOST}


@pytest.mark.parametrize("fields", [{"max_tokens": "500"}, {"max_tokens": 500.0}, {"max_tokens": True}, {"n": 51}])
def test_what_cannot_be_held_to_a_cap_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        obliged(fields)


def test_the_provider_keeps_nothing_either_where_nothing_may_be_kept() -> None:
    assert obliged({}, "responses", no_content=True) == {"store": False}, "OpenAI's default is to store"
    assert obliged({"store": True}, "responses", no_content=True) == {"store": False}
    assert obliged({"store": True}, "chat", no_content=True) == {"store": False}
    assert obliged({}, "chat", no_content=True) == {}


def test_a_cap_and_silence_go_together() -> None:
    sent = obliged({"store": True}, "responses", max_output_tokens=MOST, no_content=True)
    assert sent == {"store": False, "max_output_tokens": MOST}
