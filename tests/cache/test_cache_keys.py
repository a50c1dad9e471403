"""Which requests are the same question."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.keys import BESIDE, Around, asked_in, canonical, key_of, scope_of
from gateway.cache.storing import OPERATIONS
from gateway.core.principal import Principal
from gateway.dialects.openai.body import read_json
from gateway.edge.operations import OPERATIONS as ENDPOINTS

AROUND = Around(
    endpoint=("chat", "chat/completions"), model="m", stream=False, policy="p", targets=["a/b"], route="",
    prompt="", data_class="", strict=False, varying=[],
)  # fmt: skip
CALLER = Principal(key_id="k", tenant="t", team="a")


def asked(text: str, operation: str = "chat", stream: bool = False) -> bytes | None:
    found = asked_in(operation, stream, read_json(text.encode()))
    assert found is None or found[1] == canonical(found[0])
    return None if found is None else found[1]


@pytest.mark.parametrize(
    "same",
    [
        '{"b": [1, 2.5], "model": "m"}',
        '{ "model" : "m",\n"b":[1.0,25e-1] }',
        '{"model": "\\u006d", "b": [1, 2.5], "stream": false, "stream_options": {"include_usage": true}}',
        '{"model": "m", "b": [1e0, 2.50], "user": "u", "metadata": {"x": 1}, "store": false, "prompt_cache_key": "k"}',
    ],
)
def test_one_question_however_it_is_written(same: str) -> None:
    assert asked(same) == b'{"b":[1,2.5],"model":"m"}'


@pytest.mark.parametrize(
    "other",
    [
        '{"model": "m", "b": [2.5, 1]}',
        '{"model": "m", "b": [1, 2.5], "c": null}',
        '{"model": "m", "b": ["1", 2.5]}',
        '{"model": "m", "b": [true, 2.5]}',
        '{"model": "m ", "b": [1, 2.5]}',
        '{"model": "m", "b": [1, 2.5], "User": "u"}',
        '{"model": "m", "b": [1, 2.5], "service_tier": "flex"}',
    ],
)
def test_another_question(other: str) -> None:
    assert asked(other) not in (None, asked('{"model": "m", "b": [1, 2.5]}'))


def test_large_numbers_stay_apart() -> None:
    texts = [
        f'{{"n": {n}}}'
        for n in ("9007199254740992", "9007199254740993", "9007199254740993.0", "18446744073709551617", "1e300")
    ]
    assert len({asked(text) for text in texts}) == len(texts)


def test_what_a_stream_shows_besides_counts_for_streams() -> None:
    usage = '{"stream": true, "stream_options": {"include_usage": true}}'
    assert asked(usage, stream=True) != asked('{"stream": true}', stream=True)


def test_a_response_repeats_what_the_request_says_beside_its_question() -> None:
    assert asked('{"user": "u"}', "responses") != asked("{}", "responses")


def test_what_is_left_out_is_left_out_of_operations_that_are_cached() -> None:
    assert BESIDE.keys() <= OPERATIONS <= {one.name for one in ENDPOINTS}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1e999}',
        '{"messages":[{"content":"A","content":"B"}]}',
        '{"messages": [{"content" : "A", "\\u0063ontent": "\\u0022:"}]}',
        '{"messages":[{"content":"A","content":"A"}]}',
    ],
)
def test_what_can_be_read_in_no_way_or_in_two_has_no_key(text: str) -> None:
    assert asked(text) is None


@given(st.dictionaries(st.sampled_from(["x", "y", "messages"]), st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8)))  # fmt: skip
def test_the_canonical_form_means_the_same_and_is_its_own(body: dict[str, Any]) -> None:
    made = asked(json.dumps(body))
    assert made is not None
    assert json.loads(made) == body
    assert asked(made.decode()) == made
    assert asked(json.dumps(dict(reversed(body.items())), indent=2, ensure_ascii=False)) == made


CHANGES: dict[str, Any] = {
    "endpoint": ("chat", "other"), "model": "n", "stream": True, "policy": "q", "targets": ["a/b", "c/d"], "route": "r",
    "prompt": "p@1", "data_class": "secret", "strict": True, "varying": [(b"anthropic-beta", b"x")],
}  # fmt: skip


def test_everything_around_the_question_counts() -> None:
    assert CHANGES.keys() == {field.name for field in msgspec.structs.fields(Around)}
    scope = scope_of("tenant", CALLER)
    keys = {key_of(msgspec.structs.replace(AROUND, **{name: value}), scope, b"{}") for name, value in CHANGES.items()}
    keys |= {key_of(AROUND, scope, b"{}"), key_of(AROUND, scope, b"[]")}
    assert len(keys) == len(CHANGES) + 2
    assert {len(key) for key in keys} == {32}


def test_scopes_never_meet() -> None:
    callers = [
        CALLER,
        Principal(key_id="k2", tenant="t", team="a"),
        Principal(key_id="k3", tenant="t", team="b"),
        Principal(key_id="k4", tenant="t2", team="a"),
    ]
    found = {
        shared: len({scope_of(shared, caller) for caller in callers})
        for shared in ("tenant", "team", "key", "organisation")
    }
    assert found == {"tenant": 2, "team": 3, "key": 4, "organisation": 1}
    assert scope_of("team", Principal(key_id="k", tenant="t", team="a/b")) != scope_of(
        "team", Principal(key_id="k", tenant="t/a", team="b")
    )
    same = [
        scope_of(shared, Principal(key_id="x", tenant="x", team="x"))
        for shared in ("tenant", "team", "key", "organisation")
    ]
    assert len(set(same)) == 4
