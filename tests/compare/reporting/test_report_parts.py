"""What pages and comments are made of: scales, differences of words, verdicts in sentences, which cases are shown."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.reporting.axes import linear, spread
from gateway.compare.reporting.choosing import MAX_CHARACTERS, MAX_TEXT, chosen
from gateway.compare.reporting.moving import moved
from gateway.compare.reporting.page import page
from gateway.compare.reporting.plots import short
from gateway.compare.reporting.telling import told_of, verdicts
from gateway.compare.reporting.word_diff import MAX_WORDS, word_diff
from gateway.compare.reporting.wording import money, points, seconds
from gateway.compare.running.results import Difference
from gateway.compare.statistics.interval import Interval
from tests.compare.reported import results_of

WORDS = st.lists(st.sampled_from(["the ", "a ", "sum ", "is ", "300\n", "€", ", "]), max_size=60).map("".join)


@given(WORDS, WORDS)
def test_pieces_make_both_texts(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    if pieces is None:
        assert before != after
        return
    assert "".join(text for kind, text in pieces if kind != "gone") == after
    assert "".join(text for kind, text in pieces if kind != "new") == before


def test_one_word_is_one_change() -> None:
    assert word_diff("pay 300 euros today", "pay 400 euros today") == [
        ("same", "pay "), ("gone", "300 "), ("new", "400 "), ("same", "euros today"),
    ]  # fmt: skip
    assert word_diff("same", "same") == [("same", "same")]
    assert word_diff("one thing", "quite another") is None
    assert word_diff("a " * (MAX_WORDS + 1), "a") is None


def test_the_worst_texts_take_no_long_time() -> None:
    began = time.process_time()
    word_diff("a b " * 90 + "x" + "a c " * 90, "c a " * 90 + "y" + "b a " * 90)
    word_diff("a " * MAX_WORDS, "b a " * (MAX_WORDS // 2))
    assert time.process_time() - began < 3


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_a_scale_holds_its_values_between_round_lines(values: list[float]) -> None:
    axis = linear(values)
    near = 1e-6 * (axis.high - axis.low)
    assert axis.low <= min(values) + near
    assert axis.high >= max(values) - near
    assert 2 <= len(axis.ticks) <= 9
    assert all(0.0 <= axis.at(value) <= 1.0 for value in [*values, -1e9, 1e9])


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=6))
def test_amounts_far_apart_are_told_by_multiples(values: list[float]) -> None:
    axis = spread(values, values)
    assert axis.log == (max(values) >= 15 * min(values))
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert len(axis.ticks) <= 20
    assert axis.log or axis.low == 0.0


def test_figures() -> None:
    assert [points(value) for value in (0.0341, -0.02, 0.0, -0.0001)] == ["+3.4", "−2.0", "+0.0", "+0.0"]
    assert [money(nano) for nano in (0, 1, 226_000_000, 5_720_400_000, 1_234_000_000_000, 12_345, 100_000_000)] == [
        "0", "0.000000001", "0.226", "5.72", "1,234.00", "0.0000123", "0.10",
    ]  # fmt: skip
    assert [seconds(value) for value in (0.84, 12.34, 100.0)] == ["0.84 s", "12.3 s", "1 m 40 s"]
    assert short("support/triage@3 claude-haiku-4-5", 18) == "support/…haiku-4-5"
    assert len(short("x" * 99)) == 60


def difference(**fields: object) -> Difference:
    known: dict[str, object] = {
        "base": "old", "other": "new", "metric": "pass", "cases": 40, "better": (), "worse": (), "p": 0.5, "p_adjusted": 0.5,
        "interval": Interval(0.01, -0.01, 0.03, 0.95, "tango", 40), "test": "mcnemar_exact", "margin": 0.02, "word": "inconclusive",
        "correlation": 0.5, "more_cases": 100, "said": "",
    }  # fmt: skip
    return msgspec.convert({**known, **fields}, Difference, from_attributes=True)


SAID = {
    "better": "new is better than old: 1.0 points more of the cases pass (+1.0 points, −1.0 to +3.0 at 95 % confidence, over 40 cases; margin 2.0).",
    "worse": "new is worse than old: 1.0 points fewer of the cases pass (−1.0 points, −3.0 to +1.0 at 95 % confidence, over 40 cases; margin 2.0).",
    "equivalent": "new is as good as old: they differ by less than 2.0 points (+1.0 points, −1.0 to +3.0 at 95 % confidence, over 40 cases; margin 2.0).",
    "inconclusive": "It is not decided whether new is better or worse than old (+1.0 points, −1.0 to +3.0 at 95 % confidence, over 40 cases; margin 2.0). It is not worse by 2.0 points or more.",
}  # fmt: skip


@pytest.mark.parametrize("word", SAID)
def test_a_verdict_is_one_sentence_with_its_interval_and_margin(word: str) -> None:
    sign = -1 if word == "worse" else 1
    interval = Interval(sign * 0.01, sign * 0.01 - 0.02, sign * 0.01 + 0.02, 0.95, "tango", 40)
    assert told_of(difference(word=word, interval=interval)) == SAID[word]


def test_what_is_not_known_is_not_claimed() -> None:
    assert "no case was answered by both" in told_of(difference(cases=0))
    unknown = Interval(1.0, -1.0, 1.0, 0.95, "unknown", 1)
    assert "say nothing of any other" in told_of(difference(interval=unknown, cases=1, word="better"))
    assert "no margin was set" in told_of(difference(margin=0.0))
    assert "its score is 1.0 points higher" in told_of(difference(word="better", metric="score"))


def test_what_to_do_next_is_said_where_it_is_not_decided() -> None:
    near = results_of(20, {"old": 0.8, "new": 0.85})
    (verdict,) = verdicts(near)
    assert verdict.word == "inconclusive"
    assert verdict.advice.startswith(f"About {near.differences[0].more_cases:,} more cases like these would tell")
    (clear,) = verdicts(results_of(60, {"old": 0.3, "new": 0.98}))
    assert (clear.word, clear.advice) == ("better", "")


def test_cases_that_decide_are_shown_first() -> None:
    found = results_of(60, {"old": 0.9, "new": 0.8}, gates=True, base="old", never_break=(7, 50))
    moves = [moved(found, one) for one in verdicts(found)]
    changed = moves[0].changed
    assert set(moves[0].broken).isdisjoint(moves[0].lost)
    few = chosen(found, moves, most=len(changed))
    assert {case.id for case in few.cases} == changed
    assert (few.of_changed, few.left_out) == (0, 60 - len(changed))
    assert [case.id for case in few.cases] == [case.id for case in found.cases if case.id in changed]
    broken = chosen(found, moves, most=len(moves[0].broken))
    assert {case.id for case in broken.cases} == set(moves[0].broken)
    assert chosen(found, moves, room=0).cases == ()


@pytest.mark.parametrize(("margin", "says"), [(0.0, "Set a margin."), (0.01, "Set a wider margin.")])
def test_arms_that_answer_alike_are_told_apart_by_no_number_of_cases(margin: float, says: str) -> None:
    found = results_of(10, {"old": 1.0, "new": 1.0}, margin=margin)
    one = difference(more_cases=None, margin=margin)
    (verdict,) = verdicts(msgspec.structs.replace(found, differences=(one,)))
    assert verdict.advice.endswith(says)


def test_all_that_cases_show_counts_for_the_pages_room() -> None:
    found = results_of()
    long = tuple({"role": "user", "content": "x" * MAX_TEXT} for _ in range(300))
    wide = {f"v{at}": "y" * MAX_TEXT for at in range(300)}
    cases = tuple(msgspec.structs.replace(case, messages=long, vars=wide) for case in found.cases)
    found = msgspec.structs.replace(found, cases=cases)
    assert len(chosen(found, ()).cases) < len(cases)
    text = page([found], "gateway compare")
    assert "and 260 messages more" in text
    assert "and 260 variables more" in text
    assert len(text) < 2 * MAX_CHARACTERS
