"""Which calls the cache has to do with, and what must not be kept."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from gateway.cache.document import Rule
from gateway.cache.options import CacheOptions
from gateway.cache.storing import is_deterministic, may_keep
from gateway.core.additions import Recalled
from gateway.core.call import Call
from gateway.core.model import Attributes, Decision, Model, Permit
from gateway.core.principal import Principal
from gateway.core.target import Target
from gateway.core.usage import Usage
from gateway.pipeline.attributes import attributes_of, attributes_text
from gateway.pipeline.cache import question_of
from tests.pipeline.test_obliging import call_of

RULE = Rule(id="r", ttl_s=60, max_entry_bytes=500)
PARTS = cast(
    Any,
    SimpleNamespace(
        cache=SimpleNamespace(
            options=CacheOptions(max_entry_bytes=400), varying=[b"openai-beta"], route_of=lambda model: ""
        )
    ),
)


def call_for(operation: str, **fields: Any) -> Call:
    call = call_of(operation, **{"model": "m", **fields})
    call.model = "m"
    call.caller = Principal(key_id="k", tenant="t", team="a")
    call.permits = [Permit(Model(name="m", target=Target("p", "m"), place="p/m"), Decision(allowed=True))]
    call.record.attributes = attributes_text(attributes_of(call, ""))
    return call


ASKED = [
    ("chat", {}), ("chat", {"tools": [{"type": "function", "function": {"name": "f"}}]}), ("completions", {}),
    ("responses", {"store": False}), ("messages", {}), ("generate", {}), ("embeddings", {"input": "x"}),
    ("moderations", {}), ("rerank", {}), ("speech", {}), ("images", {}), ("count_tokens", {}),
]  # fmt: skip
NOT_ASKED = [
    ("chat", {"store": True}), ("chat", {"web_search_options": {}}), ("responses", {}), ("responses", {"store": None}),
    ("responses", {"store": False, "previous_response_id": "resp_1"}),
    ("responses", {"store": False, "tools": [{"type": "web_search"}]}),
    ("messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    ("messages", {"mcp_servers": [{"type": "url", "url": "https://x"}]}),
    ("generate", {"tools": [{"google_search": {}}]}), ("generate", {"cachedContent": "c/1"}),
    ("transcriptions", {}),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "fields"), ASKED)
def test_a_call_that_the_cache_is_asked_for(operation: str, fields: dict[str, Any]) -> None:
    question = question_of(call_for(operation, **fields), RULE, PARTS)
    assert question is not None
    assert question.max_bytes == 400


@pytest.mark.parametrize(("operation", "fields"), NOT_ASKED)
def test_a_call_that_goes_past_it(operation: str, fields: dict[str, Any]) -> None:
    assert question_of(call_for(operation, **fields), RULE, PARTS) is None


def test_what_may_not_be_kept_or_goes_on_from_something_goes_past_it() -> None:
    call = call_for("chat")
    call.keep_content = False
    assert question_of(call, RULE, PARTS) is None
    call = call_for("responses", store=False)
    call.recalled = Recalled("p", False, ())
    assert question_of(call, RULE, PARTS) is None


def _set(*, caller: dict[str, Any] | None = None, record: dict[str, Any] | None = None, **own: Any) -> Any:
    """Changes attributes of a call, of its record and of its caller."""

    def change(call: Call) -> None:
        call.caller = msgspec.structs.replace(call.caller, **(caller or {}))
        for of, changes in ((call.record, record or {}), (call, own)):
            for name, value in changes.items():
                setattr(of, name, value)

    return change


OTHER = Permit(Model(name="m", target=Target("p", "n"), place="p/n"), Decision(allowed=True))


@pytest.mark.parametrize(
    "change",
    [
        _set(record={"policy_version": "another"}), _set(record={"prompt_id": "p@1"}),
        _set(record={"data_class": "secret"}), _set(caller={"strict": True}), _set(caller={"tenant": "another"}),
        _set(model="another"), _set(permits=[OTHER]), _set(stream=True),
        _set(operation=call_of("completions").operation), _set(operation=call_of("speech").operation),
    ],
)  # fmt: skip
def test_what_a_call_is_apart_from_its_body_is_part_of_the_question(change: Callable[[Call], None]) -> None:
    one, other = call_for("chat"), call_for("chat")
    change(other)
    questions = [question_of(call, RULE, PARTS) for call in (one, other, call_for("chat"))]
    keys = [question.key for question in questions if question is not None]
    assert len(keys) == 3
    assert (keys[0] == keys[1], keys[0] == keys[2]) == (False, True)


def test_the_route_that_chooses_is_part_of_the_question() -> None:
    cache = SimpleNamespace(**{**vars(PARTS.cache), "route_of": lambda model: f"of {model}"})
    questions = [
        question_of(call_for("chat"), RULE, parts) for parts in (PARTS, cast(Any, SimpleNamespace(cache=cache)))
    ]
    assert len({question.key for question in questions if question is not None}) == 2


def test_headers_that_reach_an_upstream_are_part_of_the_question() -> None:
    keys: set[bytes] = set()
    for headers in ({}, {b"openai-beta": b"a"}, {b"openai-beta": b"b"}, {b"x-other": b"c"}):
        call = call_for("chat")
        call.headers = headers
        question = question_of(call, RULE, PARTS)
        assert question is not None
        keys.add(question.key)
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("operation", "fields", "fixed"),
    [
        ("chat", {}, False), ("chat", {"temperature": 0}, True), ("chat", {"temperature": 0.0}, True),
        ("chat", {"temperature": 0.2}, False), ("chat", {"temperature": False}, False), ("chat", {"seed": 0}, True),
        ("generate", {"generationConfig": {"temperature": 0}}, True), ("generate", {"generation_config": {"seed": 3}}, True),
        ("generate", {"generationConfig": {"temperature": 1}}, False), ("messages", {"temperature": 0}, True),
        ("embeddings", {}, True), ("rerank", {}, True), ("count_tokens", {}, True), ("images", {}, False), ("speech", {}, False),
    ],
)  # fmt: skip
def test_what_asks_for_the_same_answer_every_time(operation: str, fields: dict[str, Any], fixed: bool) -> None:
    assert is_deterministic(call_for(operation, **fields)) is fixed


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({}, True), ({"finish_reason": "length"}, True), ({"finish_reason": "STOP"}, True), ({"finish_reason": "tool_use"}, True),
        ({"finish_reason": "content_filter"}, False), ({"finish_reason": "SAFETY"}, False), ({"finish_reason": "refusal"}, False),
        ({"finish_reason": "failed"}, False), ({"finish_reason": "of_tomorrow"}, False), ({"searches": 1}, False),
        ({"usage": Usage(web_searches=1)}, False), ({"usage": Usage(input_tokens=1)}, True),
    ],
)  # fmt: skip
def test_which_answers_are_kept(said: dict[str, Any], kept: bool) -> None:
    call = call_for("chat")
    for name, value in said.items():
        setattr(call.served, name, value)
    assert may_keep(call, b"{}") is kept
    call.keep_content = False
    assert not may_keep(call, b"{}")


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"error": {"message": "m"}}, False), ({"error": "m"}, False), ({"error": None, "id": "resp"}, True),
        ({"text": '{"error": {"message": "quoted"}}'}, True), ({"text": "error"}, True),
    ],
)  # fmt: skip
def test_an_error_is_no_answer_whatever_its_status(body: dict[str, Any], kept: bool) -> None:
    call = call_for("chat")
    for text in (json.dumps(body), json.dumps(body, indent=1), f"data: {json.dumps(body)}\n\ndata: [DONE]\n\n"):
        assert may_keep(call, text.encode()) is kept


def test_hosted_tools_are_told_by_the_record() -> None:
    """What the cache reads of the record is what the attributes write there."""
    assert '"hosted_tools"' in attributes_text(Attributes(tools=True, hosted_tools=("web_search",)))
    assert '"hosted_tools"' not in attributes_text(Attributes(tools=True))
