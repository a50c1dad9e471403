"""Several grades as one: promptfoo's examples, and where this is stricter."""

import msgspec
import pytest

from gateway.compare.grading import Grade, Making, Outcome, Sample, combine, look, make
from gateway.compare.grading.assertion import Assertion
from gateway.stores.documents import parse_document


class Asserts(msgspec.Struct, frozen=True):
    asserts: tuple[Assertion, ...] = msgspec.field(name="assert")


def outcome(text: str, answer: str, threshold: float | None = None) -> Outcome:
    """The result of an answer by assertions as files have them."""
    parsed = parse_document(f"assert: [{text}]".encode(), "f.yaml", Asserts)
    return combine([look(make(one, Making()), Sample(text=answer)) for one in parsed.asserts], threshold)


# https://www.promptfoo.dev/docs/configuration/expected-outputs/#weighted-assertions
WEIGHED = "{type: equals, value: Hello world, weight: 2}, {type: contains, value: world, weight: 1}"


@pytest.mark.parametrize(
    ("threshold", "passed"), [(None, False), (0.5, False), (0.2, True), (0, True), (1 / 3, True), (0.34, False)]
)
def test_the_example_of_weights(threshold: float | None, passed: bool) -> None:
    found = outcome(WEIGHED, "Goodbye world", threshold)
    assert found.score == pytest.approx(1 / 3)
    assert found.passed is passed


def test_all_pass_or_the_case_fails() -> None:
    found = outcome(WEIGHED, "Hello world")
    assert (found.passed, found.score, found.reason) == (True, 1.0, "all assertions passed")
    failed = outcome("{type: contains, value: a}, {type: contains, value: b}", "a")
    assert (failed.passed, failed.score) == (False, 0.5)
    assert failed.reason == "1 of 2 assertions failed; contains: the answer does not contain `b`"


def test_nothing_asserted_passes() -> None:
    assert (combine([]).passed, combine([]).score) == (True, 1.0)


def test_weight_nothing_is_shown_and_fails_nobody() -> None:
    found = outcome("{type: contains, value: x, weight: 0}, {type: contains, value: a}", "a")
    assert (found.passed, found.score) == (True, 1.0)
    alone = outcome("{type: contains, value: x, weight: 0}", "a")
    assert (alone.passed, alone.score) == (True, 0.0), "as promptfoo has it: no weight, no score"
    assert not outcome("{type: contains, value: x, weight: 0}", "a", threshold=0.1).passed
    grade = look(make(Assertion(type="contains", value="x", weight=0), Making()), Sample(text="a"))
    assert (grade.passed, grade.met, grade.score) == (True, False, 0.0)


ONE_OF_TWO = "{{type: assert-set, {more}assert: [{{type: contains, value: cheap}}, {{type: contains, value: fast}}]}}"


@pytest.mark.parametrize(
    ("more", "answer", "passed", "score"),
    [
        ("", "cheap and fast", True, 1.0),
        ("", "cheap", False, 0.5),
        ("threshold: 0.5, ", "cheap", True, 0.5),
        ("threshold: 0.5, ", "neither", False, 0.0),
        ("threshold: 0, ", "neither", True, 0.0),
    ],
)
def test_sets(more: str, answer: str, passed: bool, score: float) -> None:
    found = outcome(ONE_OF_TWO.format(more=more), answer)
    assert (found.passed, found.score) == (passed, pytest.approx(score))


def test_a_set_counts_as_one_with_its_own_weight() -> None:
    text = ONE_OF_TWO.format(more="weight: 3, ") + ", {type: contains, value: x}"
    assert outcome(text, "cheap x").score == pytest.approx((3 * 0.5 + 1) / 4)
    assert outcome(ONE_OF_TWO.format(more="weight: 0, ") + ", {type: contains, value: x}", "x").passed


def test_scores_of_one_metric_are_their_weighted_mean() -> None:
    text = "{type: contains, value: a, metric: m, weight: 3}, {type: contains, value: b, metric: m}, {type: contains, value: c, metric: n}"
    assert outcome(text, "a").named == {"m": (0.75, 4.0), "n": (0.0, 1.0)}
    shown = "{type: contains, value: a, metric: m, weight: 0}, {type: contains, value: b, metric: m, weight: 0}"
    assert outcome(shown, "a").named == {"m": (0.5, 0.0)}
    mixed = "{type: contains, value: a, metric: m, weight: 2}, {type: contains, value: b, metric: m, weight: 0}"
    assert outcome(mixed, "a").named == {"m": (1.0, 2.0)}
    nested = "{type: assert-set, weight: 2, metric: s, assert: [{type: contains, value: a, metric: m}, {type: contains, value: b, metric: m}]}"
    assert outcome(nested, "a").named == {"s": (0.5, 2.0), "m": (0.5, 4.0)}


def errored(weight: float = 1.0) -> Grade:
    return Grade(
        passed=False, met=False, score=0, reason="?", kind="llm-rubric", error="no grade", weight=weight, cost_nano=5
    )


GOOD = Grade(passed=True, met=True, score=1, reason="fine", kind="contains", cost_nano=2)


@pytest.mark.parametrize("threshold", [None, 0.0, 0.5])
def test_what_could_not_be_graded_passes_under_no_threshold(threshold: float | None) -> None:
    found = combine([GOOD, errored()], threshold)
    assert (found.passed, found.error, found.reason, found.cost_nano) == (False, "no grade", "llm-rubric: no grade", 7)
    shown = combine([GOOD, errored(weight=0)], threshold)
    assert (shown.passed, shown.error, shown.score) == (True, "", 1.0)


def test_an_error_in_a_set_is_one_of_the_set() -> None:
    text = "{type: assert-set, threshold: 0, assert: [{type: contains, value: a}, {type: latency, threshold: 5}]}"
    found = outcome(text, "a", threshold=0)
    assert (found.passed, found.error) == (False, "how long the answer took is not known")


def test_grades_are_written_in_promptfoos_words() -> None:
    written = msgspec.to_builtins(combine([GOOD]))
    assert written["pass"] is True
    assert msgspec.to_builtins(GOOD)["pass"] is True
