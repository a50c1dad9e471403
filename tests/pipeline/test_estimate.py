"""What a call is taken to need before it is made."""

import json
from typing import Any

import pytest

from gateway.core.additions import Recalled, Templated
from gateway.core.call import Call
from gateway.core.record import Outcome, Record
from gateway.core.usage import Usage
from gateway.dialects.openai.body import read_json
from gateway.edge.operations import OPERATIONS
from gateway.pipeline.estimate import estimated_usage, known_usage, most_output
from gateway.pipeline.obliging import Overridden

DEFAULT = 1_000


async def unopened() -> None:
    raise AssertionError("the body is open already")


def call(body: dict[str, Any], name: str = "chat") -> Call:
    operation = next(one for one in OPERATIONS if one.name == name)
    raw = json.dumps(body).encode()
    record = Record(id="r", started_ns=0, tenant="acme", team="web", key_id="k", operation=name, bytes_in=len(raw))
    return Call(operation=operation, headers={}, record=record, open=unopened, fields=read_json(raw), arrived=0.0)


def output(body: dict[str, Any], name: str = "chat") -> int:
    made = call(body, name)
    return estimated_usage(made, DEFAULT).total_tokens - (made.record.bytes_in // 3 + 1)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({}, DEFAULT),
        ({"max_tokens": 10}, 10),
        ({"max_completion_tokens": 10}, 10),
        ({"max_completion_tokens": 1, "max_tokens": 100_000}, 100_000),
        ({"max_output_tokens": 7}, 7),
        ({"max_tokens": 10, "n": 3}, 30),
        ({"max_tokens": 10, "n": 1, "best_of": 5}, 50),
        ({"max_tokens": -1}, DEFAULT),
        ({"max_tokens": "many", "n": "some"}, DEFAULT),
        ({"max_tokens": 0}, DEFAULT),
        ({"max_tokens": 10, "n": 1_000}, 10_000),  # vLLM does
        ({"max_tokens": 10, "n": 10**9}, 10),  # no upstream takes it
        ({"generationConfig": {"maxOutputTokens": 50, "candidateCount": 2}}, 100),
        ({"generation_config": {"max_output_tokens": 50}}, 50),
        ({"generationConfig": {"maxOutputTokens": 5}, "generation_config": {"max_output_tokens": 50}}, 50),
        ({"generationConfig": None}, DEFAULT),
    ],
)
def test_the_longest_answer_that_is_allowed_is_reserved(body: dict[str, Any], tokens: int) -> None:
    assert output(body) == tokens


@pytest.mark.parametrize(
    "body", [{}, {"max_tokens": 7}, {"max_tokens": 7, "n": 3}, {"generationConfig": {"candidateCount": 2}}]
)
def test_having_been_asked_before_changes_no_estimate(body: dict[str, Any]) -> None:
    fresh, asked = call(body), call(body)
    most_output(asked)
    assert estimated_usage(asked, DEFAULT) == estimated_usage(fresh, DEFAULT)
    for made in (asked, fresh):
        made.fields = Overridden(made.fields, {"max_tokens": 5})
    assert estimated_usage(asked, DEFAULT) == estimated_usage(fresh, DEFAULT)


def test_what_makes_no_text_reserves_no_answer() -> None:
    assert output({"input": "x", "max_tokens": 50}, "embeddings") == 0


def test_images_count_by_the_piece() -> None:
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:," + "A" * 90_000}}]}
    assert 1_000 < estimated_usage(call({"messages": [picture], "max_tokens": 1}), DEFAULT).total_tokens < 1_100


def test_a_variable_that_is_an_image_is_one_and_a_text_is_none() -> None:
    data = "data:image/png;base64," + "A" * 90_000
    variables = {"photo": {"type": "input_image", "image_url": data}}
    assert 1_000 < estimated_usage(call({"prompt": {"id": "a", "variables": variables}}), 1).total_tokens < 1_100
    assert estimated_usage(call({"prompt": "A" * 90_000}, "completions"), 1).total_tokens > 30_000


def test_what_a_prompt_brings_is_input_too() -> None:
    made = call({"prompt": {"id": "a"}, "max_tokens": 1})
    alone = estimated_usage(made, DEFAULT).total_tokens
    made.templated = Templated(size=30_000, inline_parts=2)
    assert estimated_usage(made, DEFAULT).total_tokens == alone + 12_000


def test_an_earlier_conversation_is_input_too() -> None:
    """Before the call, and where a client hung up and nobody else can say."""
    made = call({"input": "and?", "max_output_tokens": 1}, "responses")
    alone = estimated_usage(made, DEFAULT).total_tokens
    made.recalled = Recalled("p", native=False, items=(), size=30_000, inline_parts=2)
    assert estimated_usage(made, DEFAULT).total_tokens == alone + 12_000
    made.served.asked, made.record.outcome = True, "cancelled"
    usage, source = known_usage(made)
    assert (usage and usage.input_tokens, source) == (alone - 1 + 12_000, "estimate")


@pytest.mark.parametrize(
    ("outcome", "complete", "source", "output"),
    [
        ("completed", True, "inconsistent", 5),
        ("cancelled", True, "inconsistent", 5),
        ("cancelled", False, "estimate", 9),
    ],
)
def test_usage_that_does_not_add_up_stays_marked(outcome: Outcome, complete: bool, source: str, output: int) -> None:
    """Unless more had come than it tells of: then nobody's count is complete."""
    made = call({"messages": []})
    made.record.outcome, served = outcome, made.served
    served.usage, served.usage_source = Usage(input_tokens=7, output_tokens=5), "inconsistent"
    served.complete, served.estimated_output_tokens = complete, 9
    assert known_usage(made) == (Usage(input_tokens=7, output_tokens=output), source)
