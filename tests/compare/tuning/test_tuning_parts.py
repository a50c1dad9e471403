"""How cases are divided: by what they ask, once and for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.cases import Case
from gateway.compare.tuning.parts import LEAST_HELD, Parts, TooFew, divide


def case(number: int, question: int, source: str = "") -> Case:
    return Case(id=f"tests[{number}]", vars={"q": str(question)}, source=source)


def where(parts: Parts) -> dict[str, str]:
    return {one.vars["q"]: name for name in ("shown", "scored", "held") for one in getattr(parts, name)}


def test_new_cases_move_no_others() -> None:
    before = where(divide([case(number, number) for number in range(60)], 0.4))
    after = where(
        divide([case(number, question) for number, question in enumerate([*range(100, 140), *range(60)])], 0.4)
    )
    assert {name: after[name] for name in before} == before


def test_the_shares_are_about_what_was_asked_for() -> None:
    parts = divide([case(number, number) for number in range(2_000)], 0.4)
    assert 740 < len(parts.held) < 860
    assert 540 < len(parts.shown) < 660
    assert len(parts.shown) + len(parts.scored) + len(parts.held) == 2_000


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=100, max_size=150))
def test_a_source_and_a_question_never_leak(drawn: list[tuple[int, int]]) -> None:
    cases = [case(number, question, f"s{source}" if source else "") for number, (question, source) in enumerate(drawn)]
    try:
        parts = divide(cases, 0.4)
    except TooFew:
        return
    for of in (lambda one: one.source, lambda one: one.vars["q"]):
        seen = [{of(one) for one in part if of(one)} for part in (parts.shown, parts.scored, parts.held)]
        assert not seen[0] & seen[1]
        assert not seen[1] & seen[2]
        assert not seen[0] & seen[2]


def test_a_source_is_one_however_many_cases_it_has() -> None:
    """A hundred cases of one source say no more than one."""
    with pytest.raises(TooFew, match=rf"100 cases are too few to tune by: .* where {LEAST_HELD}, 4 and 4"):
        divide([case(number, number, "one") for number in range(100)], 0.4)


def test_too_few_are_refused_with_what_to_do() -> None:
    with pytest.raises(TooFew, match="write more cases"):
        divide([case(number, number) for number in range(8)], 0.4)
