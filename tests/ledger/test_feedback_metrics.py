"""Which values a metric takes, and what config.yaml may say of metrics."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config
from gateway.ledger.feedback.metrics import (
    LARGEST,
    FeedbackOptions,
    MetricOptions,
    Stated,
    Unfit,
    check_feedback,
    stated,
)
from gateway.stores.documents import DocumentError, open_document

ANY = FeedbackOptions()
OPTIONS = FeedbackOptions(
    metrics={
        "stars": MetricOptions(kind="score", min=1, max=5),
        "solved": MetricOptions(kind="bool"),
        "fault": MetricOptions(kind="label", labels=("wrong", "slow", "up")),
        "thumb": MetricOptions(kind="thumbs"),
        "topic": MetricOptions(kind="label"),
    }
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("up", Stated("thumbs", 1.0, "up")),
        ("down", Stated("thumbs", 0.0, "down")),
        (True, Stated("bool", 1.0, "true")),
        (False, Stated("bool", 0.0, "false")),
        (1, Stated("score", 1.0, "")),
        (-0.25, Stated("score", -0.25, "")),
        ("too_slow", Stated("label", None, "too_slow")),
        ("größe/2", Stated("label", None, "größe/2")),
    ],
)
def test_a_value_is_of_the_kind_it_looks_like(value: Any, expected: Stated) -> None:
    assert stated(ANY, "feedback", value) == expected
    assert stated(OPTIONS, "feedback", value) == expected, "which needs no declaration"


@pytest.mark.parametrize(
    ("metric", "value", "label"),
    [
        ("stars", 5, ""),
        ("stars", 1.0, ""),
        ("solved", True, "true"),
        ("fault", "up", "up"),
        ("thumb", "up", "up"),
        ("topic", "x", "x"),
    ],
)
def test_a_declared_metric_takes_what_it_was_declared_for(metric: str, value: Any, label: str) -> None:
    assert stated(OPTIONS, metric, value).label == label


@pytest.mark.parametrize(
    ("metric", "value", "param", "why"),
    [
        ("star", 3, "metric", "did you mean `stars`"),
        ("stars", 6, "value", "from 1 to 5, and 6 is none"),
        ("stars", True, "value", "takes a number"),
        ("solved", 1, "value", "takes true or false"),
        ("solved", "true", "value", "takes true or false"),
        ("thumb", True, "value", 'takes "up" or "down"'),
        ("fault", "wrnog", "value", "did you mean `wrong`"),
        ("fault", 1, "value", "takes a word"),
    ],
)
def test_what_it_does_not_take_is_refused_with_what_to_do(metric: str, value: Any, param: str, why: str) -> None:
    with pytest.raises(Unfit, match=why) as unfit:
        stated(OPTIONS, metric, value)
    assert unfit.value.param == param


@pytest.mark.parametrize("value", ["two words", "", "x" * 65, "a\nb", "-x", "é\u0301 "])
def test_a_text_is_one_word_and_is_not_repeated(value: str) -> None:
    with pytest.raises(Unfit, match="`comment`") as unfit:
        stated(ANY, "feedback", value)
    assert len(value) < 3 or value not in str(unfit.value)


@pytest.mark.parametrize("name", ["", "1x", "a b", "x" * 65, "é", "a\n"])
def test_a_name_that_is_none_is_refused_though_none_is_declared(name: str) -> None:
    with pytest.raises(Unfit, match="a metric is a letter"):
        stated(ANY, name, 1)


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers())
def test_a_number_is_within_what_can_be_added_up(value: float) -> None:
    try:
        found = stated(ANY, "x", value)
    except Unfit:
        assert not -LARGEST <= value <= LARGEST
    else:
        assert found.score is not None
        assert -LARGEST <= found.score <= LARGEST


def test_only_declared_names_are_counted_by_name() -> None:
    assert [OPTIONS.counted_as(name) for name in ("stars", "feedback", "made-up")] == ["stars", "feedback", "_other"]
    assert ANY.counted_as("stars") == "_other"


def checked(text: bytes) -> FeedbackOptions:
    document = open_document(text, "config.yaml", Config)
    check_feedback(document, document.value.feedback)
    return document.value.feedback


def test_a_file_in_order_is_what_it_says() -> None:
    text = b"feedback:\n  metrics: {stars: {kind: score, min: 1, max: 5}}\n  requests_per_minute: 5\n"
    assert checked(text) == FeedbackOptions(metrics={"stars": OPTIONS.metrics["stars"]}, requests_per_minute=5)


@pytest.mark.parametrize(
    ("metrics", "line", "why"),
    [
        ("1x: {kind: bool}", 3, "`1x` is no name of a metric"),
        ("x: {kind: stars}", 3, "score"),
        ("x: {kind: bool, min: 1}", 3, "`min` and `max` are of scores"),
        ("x: {kind: score, min: 5, max: 1}", 3, "is not below max"),
        ("x: {kind: score, labels: [a]}", 3, "`labels` are of the kind `label`"),
        ("x: {kind: label, labels: [two words]}", 3, "is not one word"),
        ("x: {kind: label, label: [a]}", 3, "did you mean `labels`"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_line(metrics: str, line: int, why: str) -> None:
    text = f"feedback:\n  metrics:\n    {metrics}\n".encode()
    with pytest.raises(DocumentError, match=why) as error:
        checked(text)
    assert error.value.line == line
