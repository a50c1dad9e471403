"""What holds of every assertion: no answer makes it raise, `not-` is the other verdict, and it is quick."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.grading import Asked, Judge, Making, Outside, Sample, ToolCall, ask, combine, look
from gateway.compare.grading.assertion import ALL_WORDS
from gateway.compare.grading.judging.judges import Vectors
from gateway.compare.grading.likeness import cosine
from gateway.compare.grading.making import ASKS, LOOKS
from gateway.compare.grading.names import ALIASES, NAMES, NOT, REFUSED, SET, TOGETHER
from gateway.core.usage import Usage
from tests.compare.grading.making_checks import check

# One of each, with a value that some answers meet.
EVERY: list[dict[str, Any]] = [
    {"type": "equals", "value": "a"},
    {"type": "equals", "value": {"a": [1, None, "é"]}},
    {"type": "contains", "value": "a"},
    {"type": "icontains", "value": "A"},
    {"type": "contains-any", "value": ["a", "b"]},
    {"type": "contains-all", "value": ["a", "b"]},
    {"type": "icontains-any", "value": ["A", "ß"]},
    {"type": "icontains-all", "value": ["A", "B"]},
    {"type": "starts-with", "value": "a"},
    {"type": "regex", "value": r"(\w+\s?)*$"},
    {"type": "word-count", "value": {"min": 1, "max": 3}},
    {"type": "is-json"},
    {"type": "is-json", "value": {"type": ["object", "string"], "pattern": "^(a+)+$"}},
    {"type": "contains-json"},
    {"type": "contains-json", "value": {"type": "object", "required": ["a"]}},
    {"type": "is-xml", "value": {"requiredElements": ["a.b"]}},
    {"type": "is-html"},
    {"type": "json-path", "value": {"path": "$..a", "min": 0, "regex": "1"}},
    {"type": "numeric", "value": {"equals": 1, "relative": 0.5, "take": "first"}},
    {"type": "is-refusal"},
    {"type": "tool-call", "value": {"pattern": "a*", "args": {"x": 1}, "mode": "exact"}},
    {"type": "tool-call-f1", "value": ["a"]},
    {"type": "is-valid-openai-tools-call", "value": [{"function": {"name": "a", "parameters": {"type": "object"}}}]},
    {"type": "finish-reason", "value": "stop"},
    {"type": "latency", "threshold": 1},
    {"type": "cost", "threshold": 0.001},
    {"type": "tokens", "threshold": 5},
    {"type": "rouge-n", "value": "a b"},
    {"type": "bleu", "value": "a b"},
    {"type": "gleu", "value": "a b"},
    {"type": "meteor", "value": "a b"},
    {"type": "levenshtein", "value": "a b"},
    {"type": "fuzzy_match", "value": "a b"},
    {"type": "equals", "value": "a", "transform": "$.a"},
]
CHECKS = [(check(**one), check(**{**one, "type": NOT + one["type"]})) for one in EVERY]
PIECES = st.sampled_from(
    ["a", "b", " ", "\n", "1", "1,000", "{", "}", "[", "]", '"', ":", ",", '{"a": 1}', "<a>", "<b/>", "</a>", "<!--",
     "I'm sorry, I can't help", "é", "漢", "\U0001f600", "\ud800", "\x00", "\\", "{{", "```", "NaN", "null", "-", "."]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))
SAMPLES = st.builds(
    Sample,
    text=TEXTS,
    tool_calls=st.lists(st.builds(ToolCall, name=st.sampled_from(["a", "ab", "é", ""]), arguments=TEXTS), max_size=2).map(tuple),
    finish_reason=st.sampled_from(["", "stop", "end_turn", "x"]),
    refusal=st.booleans(),
    latency_s=st.none() | st.floats(0, 10),
    cost_nano=st.none() | st.integers(0, 10**7),
    usage=st.none() | st.builds(Usage, output_tokens=st.integers(0, 10)),
)  # fmt: skip


def test_every_word_has_a_meaning_or_a_reason() -> None:
    assert {*LOOKS, *ASKS, TOGETHER} == set(NAMES)
    assert not set(LOOKS) & set(ASKS)
    assert not set(REFUSED) & set(ALL_WORDS)
    assert set(ALIASES.values()) <= set(NAMES)
    assert {one["type"] for one in EVERY} == set(LOOKS), "each of them is tried here"
    assert SET in ALL_WORDS
    assert NOT + SET not in ALL_WORDS


@given(SAMPLES)
def test_no_answer_makes_an_assertion_raise_and_not_is_the_other_verdict(sample: Sample) -> None:
    for one, other in CHECKS:
        grade, negated = look(one, sample), look(other, sample)
        for each in (grade, negated):
            assert 0 <= each.score <= 1
            assert each.reason
            assert not (each.error and each.passed)
            assert len(each.reason) < 2_500
        assert grade.error == negated.error
        if grade.error or one.path is not None:
            continue
        assert grade.met is not negated.met, one.kind
        assert grade.score == pytest.approx(1 - negated.score)
    outcome = combine([look(one, sample) for one, _ in CHECKS])
    assert 0 <= outcome.score <= 1


@given(SAMPLES)
def test_of_a_part_that_is_not_there_both_fail(sample: Sample) -> None:
    one, other = CHECKS[-1]
    grade, negated = look(one, sample), look(other, sample)
    assert not (grade.passed and negated.passed)
    assert (grade.met is not negated.met) or grade.reason.startswith("the answer ")


HUGE = [
    "a" * 2_000_000, "a b " * 500_000, "\n" * 2_000_000, "1 " * 500_000, "{" * 1_000_000, "[[" * 500_000, "<a>" * 500_000,
    '"' * 1_000_000, "漢" * 300_000, "I'm sorry " * 200_000, '{"a":' * 200_000 + "1" + "}" * 200_000, "\\" * 1_000_000,
    '{"a": [' + "1," * 300_000 + "1]}", "1," * 500_000, "-" * 1_000_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HUGE, ids=lambda text: f"{text[:8]!r}")
def test_huge_answers_are_graded_soon(text: str) -> None:
    sample = Sample(text=text)
    began = time.process_time()
    for one, _ in CHECKS:
        took = time.process_time()
        look(one, sample)
        assert time.process_time() - took < 2, one.kind
    assert time.process_time() - began < 8


def test_a_thousand_answers_take_a_tenth_of_a_second() -> None:
    """Five assertions each. What is measured here is computing, whatever else the machine does."""
    five = [
        check(type="contains", value="fraud"),
        check(type="not-regex", value=r"\d{5}"),
        check(type="is-json", value={"type": "object", "required": ["queue", "urgent"]}),
        check(type="json-path", value={"path": "$.queue", "equals": "fraud"}),
        check(type="word-count", value={"max": 100}),
    ]
    samples = [
        Sample(text=f'{{"queue": "fraud", "urgent": true, "note": "{"a note of some length " * 8}{number}"}}')
        for number in range(1_000)
    ]
    took: list[float] = []
    for _ in range(3):
        fresh = [Sample(text=sample.text) for sample in samples]
        began = time.process_time()
        passed = sum(combine([look(one, sample) for one in five]).passed for sample in fresh)
        took.append(time.process_time() - began)
        assert passed == 1_000
    assert min(took) < 0.1


async def test_similar_asks_for_vectors_once() -> None:
    asked: list[list[str]] = []

    async def embed(texts: Any) -> Vectors:
        asked.append(list(texts))
        return Vectors([{"cat": [1.0, 0.0], "kitten": [0.9, 0.1], "car": [0.0, 1.0]}[text] for text in texts], 7)

    outside = Outside(embed=embed)
    close = await ask(check(type="similar", value=["car", "kitten"]), Asked(sample=Sample(text="cat"), outside=outside))
    assert (close.met, close.cost_nano) == (True, 7)
    assert close.score == pytest.approx(cosine([1, 0], [0.9, 0.1]))
    assert asked == [["cat", "car", "kitten"]]
    far = check(type="not-similar:cosine", value="car", threshold=0.5)
    assert (await ask(far, Asked(sample=Sample(text="cat"), outside=outside))).passed
    empty = await ask(check(type="similar", value="car"), Asked(sample=Sample(text=" "), outside=outside))
    assert (empty.met, empty.error, len(asked)) == (False, "", 2)


@pytest.mark.parametrize(
    ("vectors", "error"),
    [
        ([[1.0], [1.0, 2.0]], "vectors of 1 and 2 numbers"),
        ([[0.0], [1.0]], "no direction"),
        ([[float("nan")], [1.0]], "no direction"),
        ([[1.0]], "1 vectors for 2 texts"),
        (RuntimeError("away"), "cannot be asked: away"),
    ],
)
async def test_vectors_that_are_none_are_an_error(vectors: Any, error: str) -> None:
    async def embed(_: object) -> Any:
        if isinstance(vectors, Exception):
            raise vectors
        return Vectors(vectors, 7)

    for word in ("similar", "not-similar"):
        grade = await ask(check(type=word, value="a"), Asked(sample=Sample(text="b"), outside=Outside(embed=embed)))
        assert not grade.passed
        assert error in grade.error
        assert grade.cost_nano == (0 if isinstance(vectors, Exception) else 7)


async def test_a_check_for_which_somebody_must_be_asked_is_not_looked_at() -> None:
    making = Making(judge=Judge(name="j", model="m"))
    asking = check(making, type="llm-rubric", value="x")
    assert not asking.at_once
    inside = check(making, type="assert-set", **{"assert": [{"type": "is-json"}, {"type": "llm-rubric", "value": "x"}]})
    assert not inside.at_once
    for one in (asking, inside):
        with pytest.raises(TypeError, match="use ask"):
            look(one, Sample())
