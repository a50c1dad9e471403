"""Detectors find what the cases say, and as good as nothing else; the held-out part keeps them honest."""

import pytest

from tests.guard.scoring import SCORED, cases, score

# Precision and recall of the held-out part. They are below what was measured, by one or two cases.
BARS = {
    "secrets": (0.95, 0.95),
    "personal_data": (0.92, 0.9),
    "prompt_injection": (0.9, 0.85),
    "urls": (0.85, 0.95),
}


@pytest.mark.parametrize("name", SCORED)
def test_of_the_cases_all_are_found_and_nothing_else(name: str) -> None:
    total = score(name, held_out=False)[""]
    assert total.right > 20
    assert (total.extra, total.missed) == (0, 0)


@pytest.mark.parametrize("name", SCORED)
def test_of_the_cases_held_out_most_are_found_and_little_else(name: str) -> None:
    total = score(name, held_out=True)[""]
    precision, recall = BARS[name]
    assert total.precision >= precision
    assert total.recall >= recall


@pytest.mark.parametrize("name", SCORED)
def test_cases_have_both_what_is_found_and_what_only_looks_like_it(name: str) -> None:
    for held_out in (False, True):
        wanted = [bool(case.get("found", case.get("find"))) for case in cases(name, held_out)]
        assert 0.2 < sum(wanted) / len(wanted) < 0.8
    assert not {case["text"] for case in cases(name, False)} & {case["text"] for case in cases(name, True)}
