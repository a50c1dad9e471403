"""Assertions made and looked at in one line."""

from typing import Any

import msgspec
import pytest

from gateway.compare.grading import Assertion, Check, Grade, Making, Sample, Wrong, look, make


def check(making: Making | None = None, /, **assertion: Any) -> Check:
    return make(msgspec.convert(assertion, Assertion), making or Making())


def graded(answer: str | Sample, **assertion: Any) -> Grade:
    """The grade of an answer; that of the assertion's negation is looked at as well: it must be the other one."""
    sample = Sample(text=answer) if isinstance(answer, str) else answer
    grade = look(check(**assertion), sample)
    if not assertion["type"].startswith("not-") and not assertion.get("metric"):
        negated = look(check(**{**assertion, "type": f"not-{assertion['type']}"}), sample)
        assert negated.met is not grade.met
        assert negated.score == pytest.approx(1 - grade.score)
        assert negated.reason == grade.reason, "reasons are true either way"
    return grade


def wrong(making: Making | None = None, /, **assertion: Any) -> tuple[tuple[str | int, ...], str]:
    """(the place, the reason) for which an assertion is refused."""
    with pytest.raises(Wrong) as caught:
        check(making, **assertion)
    return caught.value.path, caught.value.reason
