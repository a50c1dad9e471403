"""In which order a run asks, and which cases it asks."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.cases import read_suite
from gateway.compare.running.ordering import Turn, order
from gateway.compare.running.selecting import NothingSelected, Selection, select
from gateway.stores.documents import Text
from tests.compare.scripted import suite_of

REPEATS = st.lists(st.integers(1, 4), min_size=1, max_size=12)


@given(arms=st.integers(1, 5), repeats=REPEATS, seed=st.integers(0, 2**32))
def test_every_arm_gets_every_case_as_often(arms: int, repeats: list[int], seed: int) -> None:
    turns = order(arms, repeats, seed)
    assert sorted(turns, key=lambda one: (one.arm, one.case, one.repeat)) == [
        Turn(arm, case, repeat) for arm in range(arms) for case, often in enumerate(repeats) for repeat in range(often)
    ]


@given(arms=st.integers(2, 5), repeats=REPEATS, seed=st.integers(0, 2**32), data=st.data())
def test_wherever_it_stops_no_arm_is_more_than_one_case_ahead(
    arms: int, repeats: list[int], seed: int, data: st.DataObject
) -> None:
    turns = order(arms, repeats, seed)
    stop = data.draw(st.integers(0, len(turns)))
    asked = Counter(turn.arm for turn in turns[:stop])
    counts = [asked[arm] for arm in range(arms)]
    assert max(counts) - min(counts) <= 1


@given(repeats=REPEATS, seed=st.integers(0, 2**32))
def test_no_case_is_repeated_before_all_were_asked_once(repeats: list[int], seed: int) -> None:
    assert [turn.repeat for turn in order(1, repeats, seed)] == sorted(turn.repeat for turn in order(1, repeats, seed))


def test_the_seed_says_the_order() -> None:
    assert order(2, [1] * 50, 7) == order(2, [1] * 50, 7)
    assert order(2, [1] * 50, 7) != order(2, [1] * 50, 8)


def test_no_arm_is_always_first() -> None:
    turns = order(2, [1] * 200, 0)
    first = sum(turn.arm == 0 for turn in turns[::2])
    assert 60 < first < 140


SUITE = """
tests:
  - {description: a card, tags: [card, money], messages: [{role: user, content: a}]}
  - {description: a loan, tags: [loan], messages: [{role: user, content: b}]}
  - {description: a lost card, tags: [card], messages: [{role: user, content: c}]}
  - {description: labelled, providerOutput: yes it is, human: pass, assert: [{type: contains, value: yes}]}
  - {description: brought, providerOutput: yes it is, assert: [{type: contains, value: yes}]}
"""


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(), [0, 1, 2]),
        (Selection(tags=("card",)), [0, 2]),
        (Selection(tags=("card", "loan")), [0, 1, 2]),
        (Selection(filter="lost|loan"), [1, 2]),
        (Selection(filter=r"tests\[0\]"), [0]),
        (Selection(tags=("card",), limit=1), [0]),
    ],
)
def test_cases_are_chosen(selection: Selection, chosen: list[int]) -> None:
    found = select(read_suite(Text("s.yaml", SUITE.encode())), selection)
    assert [case.id for case in found.asked] == [f"tests[{number}]" for number in chosen]
    assert [case.description for case in found.labelled] == ["labelled"]
    told = "" if len(chosen) == 3 else f"only {len(chosen)} of 3 cases were asked ("
    assert found.narrowed.startswith(told)
    assert bool(found.narrowed) is bool(told)
    assert found.left_out == ("1 cases bring their own answer and no label, and are asked of nobody",)


def test_repeats_can_be_said_for_all() -> None:
    found = select(suite_of(3, each=lambda _: "    repeat: 5\n"), Selection(repeats=2))
    assert [case.repeat for case in found.asked] == [2, 2, 2]


def test_a_tag_that_no_case_has_is_named_with_the_nearest() -> None:
    with pytest.raises(NothingSelected, match="no case has the tag `carf`; did you mean `card`"):
        select(read_suite(Text("s.yaml", SUITE.encode())), Selection(tags=("carf",)))
    with pytest.raises(NothingSelected, match="matches 'nothing'"):
        select(read_suite(Text("s.yaml", SUITE.encode())), Selection(filter="nothing"))
    with pytest.raises(re.error):
        select(read_suite(Text("s.yaml", SUITE.encode())), Selection(filter="("))
