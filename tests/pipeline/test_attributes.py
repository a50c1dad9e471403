"""What decisions see of a request, however it is written."""

import json
from typing import Any

import pytest

from gateway.core.call import Call
from gateway.core.faults import BadRequest
from gateway.core.model import Attributes
from gateway.core.record import Record
from gateway.dialects.openai.body import read_json
from gateway.edge.operations import OPERATIONS
from gateway.pipeline.attributes import MAX_KINDS, attributes_of, attributes_text


async def unopened() -> None:
    raise AssertionError("the body is open already")


def seen(body: dict[str, Any], name: str = "chat") -> Attributes:
    operation = next(one for one in OPERATIONS if one.name == name)
    record = Record(id="r", started_ns=0, tenant="acme", team="web", key_id="k", operation=name)
    fields = read_json(json.dumps(body).encode())
    return attributes_of(
        Call(operation=operation, headers={}, record=record, open=unopened, fields=fields, arrived=0), ""
    )


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (100, 100),
        (100.0, 100),
        (99.5, 100),
        ("100", 100),
        ("1e2", 100),
        (10**30, 2**53),
        ("9" * 5000, 2**53),
        (-1, 0),
        (True, 0),
        ([100], 0),
        ("x", 0),
        ("nan", 0),
    ],
)
def test_a_length_is_seen_as_a_lenient_upstream_would_read_it(value: object, tokens: int) -> None:
    found = seen({"max_tokens": value}).max_output_tokens
    assert (found, type(found)) == (tokens, int)


@pytest.mark.parametrize("name", ["n_predict", "max_new_tokens"])
def test_an_engines_own_name_for_the_length_is_seen(name: str) -> None:
    assert seen({"max_tokens": 1, name: 9999}).max_output_tokens == 9999


@pytest.mark.parametrize(
    ("name", "body", "kinds"),
    [
        ("responses", {"tools": [{"type": "web_search_preview_2025_03_11"}]}, ("web_search",)),
        ("responses", {"tools": [{"type": "web_search_2025_08_26"}]}, ("web_search",)),
        ("responses", {"tools": [{"type": "computer_use_preview"}]}, ("computer_use",)),
        ("messages", {"tools": [{"type": "web_search_20250305", "name": "s"}]}, ("web_search",)),
        ("messages", {"tools": [{"name": "own", "input_schema": {}}]}, ()),
        ("generate", {"tools": [{"googleSearch": {}}]}, ("google_search",)),
        ("generate", {"tools": [{"google_search": {}, "codeExecution": {}}]}, ("code_execution", "google_search")),
        ("generate", {"tools": [{"functionDeclarations": []}, {"function_declarations": []}]}, ()),
        ("generate", {"tools": [{"type": "function", "googleSearch": {}}]}, ("google_search", "type")),
        ("chat", {"tools": [{"type": "function", "function": {}}]}, ()),
        ("chat", {"web_search_options": {}}, ("web_search",)),
        ("generate", {"cachedContent": "cachedContents/1"}, ("stored_context",)),
        (
            "generate",
            {"cached_content": "cachedContents/1", "tools": [{"googleSearch": {}}]},
            ("google_search", "stored_context"),
        ),
        ("chat", {"search_parameters": {"mode": "on"}}, ("web_search",)),
        ("chat", {"enable_search": True}, ("web_search",)),
        ("chat", {"plugins": [{"id": "web"}]}, ("plugins",)),
        ("chat", {"data_sources": [{"type": "azure_search"}]}, ("data_sources",)),
        ("chat", {"tools": [{"type": "x" * 100_000}]}, ("other",)),
    ],
)
def test_hosted_tools_have_one_name_each(name: str, body: dict[str, Any], kinds: tuple[str, ...]) -> None:
    found = seen(body, name)
    assert (found.tools, found.hosted_tools) == (True, kinds)


@pytest.mark.parametrize("body", [{}, {"tools": []}, {"plugins": []}, {"enable_search": False}])
def test_what_brings_no_tools_is_seen_so(body: dict[str, Any]) -> None:
    assert seen(body) == Attributes()


def test_what_is_remembered_and_recorded_of_a_request_is_bounded() -> None:
    most = [{"type": f"{number}" + "k" * 40} for number in range(MAX_KINDS)]
    assert len(attributes_text(seen({"tools": most, "max_tokens": 10**4000}))) < 4096
    with pytest.raises(BadRequest, match="kinds"):
        seen({"tools": [*most, {"type": "one-more"}]})
