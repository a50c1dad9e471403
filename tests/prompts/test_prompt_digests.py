"""Canonical JSON by RFC 8785, and what a version's digest is made of."""

import hashlib
import json
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompts.digests import digest_of
from gateway.prompts.jcs import canonical, number
from gateway.prompts.versions import Partial, compile_prompt

# RFC 8785, appendix B: the bits of a double, and how it is written.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize("bits", NUMBERS)
def test_numbers_of_the_rfc(bits: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert number(value) == NUMBERS[bits]


def test_the_example_of_the_rfc() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
        "literals": [None, True, False],
    }
    wanted = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(value).decode() == wanted


def test_keys_stand_in_the_order_of_utf_16() -> None:
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}
    assert list(json.loads(canonical(keys))) == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-(2.0**53), 2.0**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(plain)
def test_canonical_json_is_json_that_means_the_same(value: object) -> None:
    written = canonical(value)
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written


def test_whole_numbers_beyond_a_double_do_not_look_alike() -> None:
    assert canonical([2**53, 2**53 + 1]) == b"[9007199254740992,9007199254740993]"
    assert canonical([Decimal("0.50"), 1.0, [], {}]) == b"[0.5,1,[],{}]"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"a": [float("-inf")]}])
def test_what_json_has_no_word_for(value: object) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_what_is_no_plain_data() -> None:
    with pytest.raises(TypeError):
        canonical({"a": object()})


FILE = """---
model: m
config: {temperature: 0.50, topK: 3}
metadata: {rank: 3}
input:
  schema:
    name: string
---
{{role "system"}}
{{>style}} {{>tone}}
{{name}}
"""
SAME = {
    "a comment": FILE.replace("model: m", "model: m   # the small one"),
    "another order": FILE.replace("{temperature: 0.50, topK: 3}", "{topK: 3, temperature: 0.5}"),
    "block for flow": FILE.replace("config: {temperature: 0.50, topK: 3}", "config:\n  temperature: 0.5\n  topK: 3"),
    "quotes": FILE.replace("model: m", 'model: "m"'),
    "a blank line at the end": FILE + "\n",
    "a licence before it": "# SPDX-License-Identifier: Apache-2.0\n" + FILE,
}
OTHER = {
    "a value": FILE.replace("0.50", "0.51"),
    "a text for a number": FILE.replace("rank: 3", "rank: '3'"),
    "a key": FILE.replace("topK", "seed"),
    "a word of the body": FILE.replace("{{name}}", "Dear {{name}}"),
    "white space within the body": FILE.replace("}} {{>tone", "}}  {{>tone"),
    "another partial": FILE.replace(">tone", ">other"),
}


def partials(**changed: str) -> dict[str, Partial]:
    texts = {"style": "Be {{>word}}.\n", "word": "brief", "tone": "Be kind.\n", "other": "Be kind.\n", **changed}
    return {name: Partial(name, f"_{name}.prompt", text, text) for name, text in texts.items()}


def digest(text: str, **changed: str) -> str:
    return compile_prompt("f.prompt", text.encode(), partials(**changed))[1]


@pytest.mark.parametrize("name", SAME)
def test_how_a_file_is_laid_out_does_not_count(name: str) -> None:
    assert digest(SAME[name]) == digest(FILE)


@pytest.mark.parametrize("name", OTHER)
def test_what_a_file_says_counts(name: str) -> None:
    assert digest(OTHER[name]) != digest(FILE)


@pytest.mark.parametrize(("partial", "counts"), [("style", True), ("word", True), ("tone", True), ("other", False)])
def test_partials_count_if_they_are_in_it(partial: str, counts: bool) -> None:
    assert (digest(FILE, **{partial: "changed"}) != digest(FILE)) == counts


def test_a_digest_is_the_sha_256_of_three_things_in_canonical_form() -> None:
    said = b'{"body":"x {{>y}}","frontMatter":{"config":{"temperature":0.5},"model":"m"},"partials":{"y":"z"}}'
    made = digest_of({"model": "m", "config": {"temperature": 0.50}}, "x {{>y}}", {"y": "z"})
    assert made == "sha256:" + hashlib.sha256(said).hexdigest()
