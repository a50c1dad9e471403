"""What an answer took, why it ended, and whether it declines."""

from typing import Any

import pytest

from gateway.compare.grading import Sample, ToolCall, combine, look
from gateway.core.usage import Usage
from tests.compare.grading.making_checks import check, graded, wrong

ANSWER = Sample(
    text="x",
    finish_reason="end_turn",
    latency_s=1.5,
    ttft_s=0.25,
    cost_nano=1_000_000,
    usage=Usage(input_tokens=100, cached_input_tokens=50, output_tokens=20, reasoning_tokens=30),
)


@pytest.mark.parametrize(
    ("assertion", "met", "measured"),
    [
        ({"type": "latency", "threshold": 1500}, True, 1500),
        ({"type": "latency", "threshold": 1499}, False, 1500),
        ({"type": "latency", "threshold": 250, "value": "ttft"}, True, 250),
        ({"type": "latency", "threshold": 0}, False, 1500),
        ({"type": "cost", "threshold": 0.001}, True, 0.001),
        ({"type": "cost", "threshold": 0.000999999}, False, 0.001),
        ({"type": "cost", "threshold": 1_000_000, "value": "nano"}, True, 1_000_000),
        ({"type": "cost", "threshold": 999_999, "value": "nano"}, False, 1_000_000),
        ({"type": "tokens", "threshold": 200}, True, 200),
        ({"type": "tokens", "threshold": 199}, False, 200),
        ({"type": "tokens", "threshold": 150, "value": "input"}, True, 150),
        ({"type": "tokens", "threshold": 50, "value": "output"}, True, 50),
        ({"type": "tokens", "threshold": 29, "value": "reasoning"}, False, 30),
    ],
)
def test_figures(assertion: dict[str, Any], met: bool, measured: float) -> None:
    grade = graded(ANSWER, **assertion)
    assert grade.met is met
    assert grade.measured == pytest.approx(measured)


@pytest.mark.parametrize("type", ["latency", "cost", "tokens", "not-latency", "not-cost"])
def test_what_is_not_known_is_an_error_and_no_pass(type: str) -> None:
    grade = look(check(type=type, threshold=10_000), Sample(text="x"))
    assert (grade.passed, grade.met) == (False, False)
    assert "not known" in grade.error


@pytest.mark.parametrize(
    ("type", "metric", "figure"), [("cost", "spent", 0.001), ("latency", "ms", 1500.0), ("tokens", "used", 200.0)]
)
def test_without_a_threshold_a_figure_is_noted_and_fails_nobody(type: str, metric: str, figure: float) -> None:
    noting = check(type=type, metric=metric, weight=0)
    grade = look(noting, ANSWER)
    assert grade.passed
    outcome = combine([grade, look(check(type="contains", value="x"), ANSWER)])
    assert (outcome.passed, outcome.score) == (True, 1.0)
    assert outcome.named[metric][0] == pytest.approx(figure)
    unknown = combine([look(noting, Sample(text="x")), look(check(type="contains", value="x"), ANSWER)])
    assert (unknown.passed, unknown.error, unknown.named) == (True, "", {})


@pytest.mark.parametrize(
    ("value", "ended", "met"),
    [
        ("stop", "stop", True),
        ("STOP", "stop", True),
        ("stop", "end_turn", True),
        ("length", "max_tokens", True),
        ("tool_calls", "tool_use", True),
        ("content_filter", "refusal", True),
        ("stop", "length", False),
        ("pause_turn", "pause_turn", True),
    ],
)
def test_finish_reason(value: str, ended: str, met: bool) -> None:
    assert graded(Sample(finish_reason=ended), type="finish-reason", value=value).met is met


def test_a_finish_reason_that_nobody_says_is_an_error() -> None:
    assert "does not say" in look(check(type="not-finish-reason", value="stop"), Sample()).error


REFUSALS = [
    "I'm sorry, but I can't assist with that.",
    "I’m sorry, I cannot help with that request.",
    "I am sorry, I cannot help with that",
    "I'm not able to assist with this request",
    "I apologize, but I cannot do that",
    "As an AI language model, I cannot help with that",
    "As an AI, I cannot browse the internet.",
    "I cannot assist with that request",
    "I can't provide instructions for making explosives.",
    "I'm unable to assist",
    "That would not be appropriate",
    "That would not be ethical.",
    "Unfortunately, I can't share personal data of others.",
    "I must decline to answer this.",
    "I respectfully decline.",
    "Sorry, but that is against our usage policies.",
    "I won't help you write malware.",
    "No, I can't help with that.",
    "**I'm sorry**, but I can't help with that.",
    "I understand you are upset. However, I cannot help with that.",
    "",
    "   \n",
]
ANSWERS = [
    "I will help you with that.",
    "2 + 2 is 4.",
    "You can't divide by zero.",
    "Sorry for the delay! The capital of France is Paris.",
    "I can help with that.",
    "The illegal move in chess is castling through check.",
    "I can't help but admire the question. Paris.",
    "Of course. Here is a poem about a cat that cannot sleep.",
    "import os\n\ndef main():\n    pass",
    "漢字",
    "Here is the summary: the company will not provide guidance for next year.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(text: str) -> None:
    assert graded(text, type="is-refusal").met


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_no_refusals(text: str) -> None:
    assert not graded(text, type="is-refusal").met


def test_what_the_upstream_says_of_its_answer_counts() -> None:
    assert graded(Sample(text="Nein.", refusal=True), type="is-refusal").met
    assert graded(Sample(text="I", finish_reason="content_filter"), type="is-refusal").met
    assert not graded(Sample(tool_calls=(ToolCall("a"),)), type="is-refusal").met
    part = check(type="is-refusal", transform="$.a")
    assert not look(part, Sample(text='{"a": "4"}', refusal=True)).met, "of a part, the text alone tells"


def test_refusals_are_looked_for_at_the_beginning_and_soon() -> None:
    assert not graded("Paris is the capital. " * 50 + REFUSALS[0], type="is-refusal").met
    for text in ("i " * 500_000, "sorry " * 200_000, "I'm sorry," * 100_000, "as an ai " * 100_000):
        graded(text, type="is-refusal")


@pytest.mark.parametrize(
    ("assertion", "path", "reason"),
    [
        ({"type": "latency"}, (), "needs a `threshold`"),
        ({"type": "not-cost", "metric": "m", "weight": 0}, (), "needs a `threshold`"),
        ({"type": "cost", "metric": "m"}, (), "`weight: 0`"),
        ({"type": "cost", "weight": 0}, (), "a `metric`"),
        ({"type": "latency", "threshold": -1}, ("threshold",), "0 or more"),
        ({"type": "latency", "threshold": 1, "value": "tft"}, ("value",), "did you mean `ttft`"),
        ({"type": "cost", "threshold": 1, "value": "usd"}, ("value",), "currency, nano"),
        ({"type": "tokens", "threshold": 1, "value": ["input"]}, ("value",), "not a word"),
        ({"type": "finish-reason"}, (), "needs a `value`"),
        ({"type": "is-refusal", "value": "x"}, ("value",), "takes no value"),
        ({"type": "is-refusal", "threshold": 0.5}, ("threshold",), "takes no threshold"),
    ],
)
def test_what_cannot_be_meant_is_refused(assertion: dict[str, Any], path: tuple[str, ...], reason: str) -> None:
    found, said = wrong(**assertion)
    assert found == path
    assert reason in said
