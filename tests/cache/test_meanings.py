"""Questions by likeness: which are single, which is nearest, and how many are known."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.meaning import Meaning, Meanings, cosine, single_question, unit
from gateway.cache.pairs import Judged, Pair, judge

USER = {"role": "user", "content": "why?"}


@pytest.mark.parametrize(
    ("operation", "body", "text"),
    [
        ("chat", {"messages": [USER]}, "why?"),
        (
            "chat",
            {"messages": [{"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, USER]},
            "why?",
        ),
        ("chat", {"messages": [USER, {"role": "system", "content": "s"}]}, None),
        ("chat", {"messages": [USER, USER]}, None),
        ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "why?"}]}]}, None),
        ("chat", {"messages": [{"role": "assistant", "content": "why?"}]}, None),
        ("chat", {"messages": ["why?"]}, None),
        ("chat", {"messages": []}, None),
        ("chat", {}, None),
        ("messages", {"system": "s", "messages": [USER]}, "why?"),
        ("responses", {"input": "why?", "instructions": "i"}, "why?"),
        ("completions", {"prompt": "why?"}, "why?"),
        ("completions", {"prompt": ["why?", "how?"]}, None),
        ("completions", {"prompt": "  "}, None),
        ("completions", {"prompt": "x" * 9_000}, None),
        ("embeddings", {"input": "why?"}, None),
    ],
)
def test_a_single_question_in_plain_text(operation: str, body: dict[str, Any], text: str | None) -> None:
    found = single_question(operation, body)
    assert (found[0] if found else None) == text
    if found is not None:
        assert "why?" not in repr(found[1])
        assert found[1].keys() == body.keys()


def meaning(*vector: float, around: bytes = b"a") -> Meaning:
    return Meaning(around, "t", unit(vector))


def test_the_nearest_is_found_if_it_is_near_enough() -> None:
    known = Meanings()
    known.add(meaning(1, 0, 0), b"x")
    known.add(meaning(0, 2, 0), b"y")
    known.add(meaning(0, 2, 0, around=b"b"), b"z")
    found = known.nearest(meaning(0.1, 5, 0), 0.9)
    assert found is not None
    assert found[0] == b"y"
    assert found[1] == pytest.approx(5 / 25.01**0.5)
    assert known.nearest(meaning(1, 1, 1), 0.9) is None
    assert known.nearest(meaning(0, 2, 0, around=b"c"), 0.5) is None
    known.forget(meaning(0, 1, 0), b"y")
    assert known.nearest(meaning(0, 2, 0), 0.9) is None
    assert len(known) == 2


def test_without_a_direction_nothing_is_alike() -> None:
    known = Meanings()
    known.add(meaning(0, 0, 0), b"x")
    assert len(known) == 0
    assert known.nearest(meaning(0, 0, 0), 0.5) is None
    assert (cosine([0, 0], [1, 1]), cosine([2, 0], [3, 0])) == (0.0, 1.0)


def test_vectors_of_several_models_never_meet() -> None:
    known = Meanings()
    known.add(meaning(1, 0, 0), b"x")
    known.add(meaning(1, 0), b"y")
    for asked, key in ((meaning(1, 0, 0), b"x"), (meaning(1, 0), b"y")):
        assert known.nearest(asked, 0.9) == (key, 1.0)
    assert known.nearest(meaning(1, 0, 0, 0), 0.5) is None


def test_as_many_are_known_with_the_same_around_them_as_may_be() -> None:
    known = Meanings(max_around=2)
    for number in range(3):
        known.add(meaning(1, number), b"%d" % number)
    assert len(known) == 2
    found = known.nearest(meaning(1, 0), 0.5)
    assert found is not None
    assert found[0] == b"1", "the first has gone"


@given(st.lists(st.tuples(st.sampled_from(["add", "forget"]), st.integers(0, 3), st.integers(0, 6)), max_size=60))
def test_what_is_known_has_bounds_and_is_found(steps: list[tuple[str, int, int]]) -> None:
    known, width, room = Meanings(max_bytes=40 * 4 * 8, max_around=5), 8, 40 * 4 * 8
    added: dict[int, dict[int, None]] = {}

    def made(around: int, number: int) -> Meaning:
        return meaning(*(float(number == place) for place in range(width)), around=b"%d" % around)

    for what, around, number in steps:
        numbers = added.setdefault(around, {})
        if what == "forget":
            known.forget(made(around, number), b"%d" % number)
            numbers.pop(number, None)
            continue
        known.add(made(around, number), b"%d" % number)
        if number not in numbers and len(numbers) == 5:
            numbers.pop(next(iter(numbers)))
        numbers[number] = None
    for around, numbers in added.items():
        for number in range(7):
            found = known.nearest(made(around, number), 0.9)
            assert found == ((b"%d" % number, 1.0) if number in numbers else None)
    assert len(known) == sum(map(len, added.values()))
    assert known.held_bytes <= room
    for around in range(4):
        for number in range(7):
            known.forget(made(around, number), b"%d" % number)
    assert (len(known), known.held_bytes) == (0, 0)


def test_those_around_which_the_longest_nothing_was_asked_go_first() -> None:
    row = 3 * 4
    known = Meanings(max_bytes=2 * row)
    for around in (b"a", b"b"):
        known.add(meaning(1, 0, 0, around=around), b"k")
    assert known.nearest(meaning(1, 0, 0, around=b"a"), 0.9) is not None
    known.add(meaning(1, 0, 0, around=b"c"), b"k")
    assert [known.nearest(meaning(1, 0, 0, around=around), 0.9) is not None for around in (b"a", b"b", b"c")] == [
        *(True, False, True),
    ]
    known.add(meaning(*[1.0] * 100), b"k")
    assert (len(known), known.held_bytes) == (0, 0), "no vector is larger than all the room"


def test_what_a_threshold_does_to_pairs() -> None:
    pairs = [Pair("a", "b", True), Pair("c", "d", True), Pair("e", "f", False), Pair("g", "h", False)]
    judged = judge(pairs, [0.95, 0.7, 0.9, 0.1], 0.9)
    assert judged == Judged(0.9, hits=2, false_hits=1, missed=1)
    assert judged.false_hit_rate == 0.5
    assert judge(pairs, [0.0] * 4, 0.9).false_hit_rate == 0.0
