"""How like an answer is to a text: by letters and by words."""

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.grading import Sample, Ungradable, look
from gateway.compare.grading.distance import common, fuzzy_ratio, levenshtein
from gateway.compare.grading.overlap import MAX_WORDS, bleu, gleu, meteor, rouge_f1, rouge_l, rouge_recall, words
from gateway.compare.grading.stems import stem
from tests.compare.grading.making_checks import check, graded, wrong

LETTERS = st.text(alphabet="abc", max_size=70)
# The references and the candidate of NLTK's documentation of BLEU.
CANDIDATE = "It is a guide to action which ensures that the military always obeys the commands of the party"
REFERENCES = [
    "It is a guide to action that ensures that the military will forever heed Party commands",
    "It is the guiding principle which guarantees the military forces always being under the command of the Party",
    "It is the practical guide for the army always to heed the directions of the party",
]


def slow_levenshtein(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def slow_common(one: str, other: str) -> int:
    row = [0] * (len(other) + 1)
    for a in one:
        above = 0
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], above + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


@given(LETTERS, LETTERS)
def test_distances_are_those_of_the_table(one: str, other: str) -> None:
    assert levenshtein(one, other) == slow_levenshtein(one, other)
    assert common(one, other) == slow_common(one, other)
    both = len(one) + len(other)
    assert fuzzy_ratio(one, other) == pytest.approx(2 * slow_common(one, other) / both if both else 1.0)


@given(st.text(max_size=40), st.text(max_size=40))
def test_distances_of_any_letters(one: str, other: str) -> None:
    assert levenshtein(one, other) == levenshtein(other, one) == slow_levenshtein(one, other)
    assert (levenshtein(one, other) == 0) == (one == other)


@pytest.mark.parametrize(
    ("one", "other", "distance", "ratio"),
    [
        ("kitten", "sitting", 3, 8 / 13),
        ("", "", 0, 1.0),
        ("abc", "", 3, 0.0),
        ("this is a test", "this is a test!", 1, 28 / 29),
        ("漢字", "漢子", 1, 0.5),
        ("😀", "😃", 1, 0.0),
    ],
)
def test_known_distances(one: str, other: str, distance: int, ratio: float) -> None:
    assert levenshtein(one, other) == distance
    assert fuzzy_ratio(one, other) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("threshold", "answer", "met"),
    [(None, "hello w0rld", True), (None, "", False), (0, "hello world", True), (0, "hello worl", False), (5, "hello", False), (6, "hello", True)],
)  # fmt: skip
def test_levenshtein(threshold: int | None, answer: str, met: bool) -> None:
    more = {} if threshold is None else {"threshold": threshold}
    assert graded(answer, type="levenshtein", value="hello world", **more).met is met


def test_long_texts_are_compared_soon_or_not_at_all() -> None:
    began = time.process_time()
    assert not graded("x" * 5_000_000, type="levenshtein", value="hello world").met
    assert not graded("x" * 1_000_000, type="fuzzy_match", value="hello world").met
    assert levenshtein("ab" * 5_000, "ba" * 5_000) == 2
    with pytest.raises(Ungradable, match="too long"):
        levenshtein("ab" * 100_000, "cd" * 100_000)
    many = "".join(map(chr, range(0x20000, 0x20000 + 60_000)))
    with pytest.raises(Ungradable, match="60000 different letters"):  # a gigabyte of places
        fuzzy_ratio(many, many[1::2] + many[::2])
    grade = look(check(type="not-fuzzy_match", value="ab" * 100_000), Sample(text="cd" * 100_000))
    assert "too long" in grade.error
    assert not grade.passed
    assert time.process_time() - began < 4


def test_bleu_is_that_of_the_paper() -> None:
    assert bleu(CANDIDATE, REFERENCES) == pytest.approx(0.5045666840058485)
    assert bleu("the the the the the the the", ["the cat is on the mat"]) < 0.02
    # 3 of 3 words and 2 of 2 pairs, but 3 words of 6: e^(1 - 6/3).
    assert bleu("the cat is", ["the cat is on the mat"]) == pytest.approx(math.exp(-1))
    assert bleu("", ["a"]) == bleu("a", [" "]) == bleu("x", ["a"]) == 0
    assert bleu("hello world", ["Hello World"]) == 1


@pytest.mark.parametrize(
    ("score", "text", "reference", "expected"),
    [
        (gleu, "the cat sat", "the cat", 3 / 6),
        (gleu, "the cat", "the cat sat", 3 / 6),
        (gleu, "The cat sat.", "the cat sat", 1.0),
        (gleu, "...", "a", 0.0),
        (rouge_recall(1), "the cat sat on the mat", "the cat", 1.0),
        (rouge_recall(1), "the cat", "the cat sat on the mat", 2 / 6),
        (rouge_recall(1), "the the the", "the cat the dog", 2 / 4),
        (rouge_recall(2), "the cat sat", "the cat sat down", 2 / 3),
        (rouge_recall(2), "x", "x", 0.0),
        (rouge_recall(1), "The Cat, sat!", "the cat sat", 1.0),
        (rouge_f1(1), "the cat", "the cat sat on the mat", 2 * 2 / 8),
        (rouge_f1(2), "a b c", "a b d", 2 * 1 / 4),
        (rouge_l, "police kill the gunman", "police killed the gunman", 3 / 4),
        (rouge_l, "the gunman kill police", "police killed the gunman", 2 / 4),
        (rouge_l, "", "", 0.0),
        (meteor, "the cat sat", "the cat sat", 1 - 0.5 / 27),
        (meteor, "running dogs", "run dog", 1 - 0.5 / 8),
        (meteor, "b a", "a b", 0.5),
        (meteor, "x y", "a b", 0.0),
        (meteor, "the cat", "the cat sat on the mat", (1 * (1 / 3) / (0.9 + 0.1 / 3)) * (1 - 0.5 / 8)),
        (meteor, "", "a", 0.0),
        (rouge_recall(1), "猫在垫子上", "垫子上的猫", 4 / 5),
        (gleu, "猫坐", "猫坐", 1.0),
        (rouge_recall(1), "l’eau est bonne", "l’eau", 1.0),
    ],
)  # fmt: skip
def test_words_in_common(score: Callable[[str, str], float], text: str, reference: str, expected: float) -> None:
    assert score(text, reference) == pytest.approx(expected)


TEXTS = st.lists(st.sampled_from(["a", "b", "c", "running", "runs", "猫", "A.", "…"]), max_size=12).map(" ".join)


@given(TEXTS, TEXTS)
def test_scores_are_scores(text: str, reference: str) -> None:
    every = [
        gleu,
        meteor,
        rouge_l,
        *(rouge_f1(order) for order in range(1, 6)),
        *(rouge_recall(o) for o in range(1, 6)),
    ]
    for score in [*every, lambda one, other: bleu(one, [other])]:
        assert 0 <= score(text, reference) <= 1
    for score in (gleu, rouge_l, rouge_f1(1)):
        assert score(text, reference) == pytest.approx(score(reference, text))
    if words(text, stops=False):
        assert gleu(text, text) == bleu(text, [text]) == 1


# From the paper, step by step.
STEMS = """caresses caress, ponies poni, ties ti, caress caress, cats cat, feed feed, agreed agre, plastered plaster,
bled bled, motoring motor, sing sing, conflated conflat, troubled troubl, sized size, hopping hop, tanned tan,
falling fall, hissing hiss, fizzed fizz, failing fail, filing file, happy happi, sky sky, relational relat,
conditional condit, rational ration, valenci valenc, hesitanci hesit, digitizer digit, conformabli conform,
radicalli radic, differentli differ, vileli vile, analogousli analog, vietnamization vietnam, predication predic,
operator oper, feudalism feudal, decisiveness decis, hopefulness hope, callousness callous, formaliti formal,
sensitiviti sensit, sensibiliti sensibl, triplicate triplic, formative form, formalize formal, electriciti electr,
electrical electr, hopeful hope, goodness good, revival reviv, allowance allow, inference infer, airliner airlin,
gyroscopic gyroscop, adjustable adjust, defensible defens, irritant irrit, replacement replac, adjustment adjust,
dependent depend, adoption adopt, homologou homolog, communism commun, activate activ, angulariti angular,
homologous homolog, effective effect, bowdlerize bowdler, probate probat, rate rate, cease ceas, controll control,
roll roll, is is, by by, 漢字 漢字, naïve naïve, x1 x1"""


@pytest.mark.parametrize("pair", STEMS.replace("\n", " ").split(", "))
def test_stems_are_those_of_the_paper(pair: str) -> None:
    word, expected = pair.split()
    assert stem(word) == expected


@pytest.mark.parametrize(
    ("assertion", "met"),
    [
        ({"type": "rouge-n", "value": "hello world"}, True),
        ({"type": "rouge-n", "value": "hello big world", "config": {"n": 2}}, False),
        ({"type": "bleu", "value": "hello world"}, True),
        ({"type": "bleu", "value": ["other", "hello world"]}, True),
        ({"type": "gleu", "value": ["Hello world", "Hi there world"], "threshold": 0.6}, True),
        ({"type": "meteor", "value": "hello worlds", "threshold": 0.9}, True),
        ({"type": "fuzzy_match", "value": "hello wrld"}, True),
        ({"type": "fuzzy_match", "value": "something else"}, False),
        ({"type": "bleu", "value": "hello world", "threshold": 1}, True),
    ],
)
def test_scored_assertions(assertion: dict[str, Any], met: bool) -> None:
    grade = graded("hello world", **assertion)
    assert grade.met is met
    assert grade.measured == pytest.approx(grade.score)
    assert not graded("", **assertion).met


def test_huge_answers_are_scored_soon() -> None:
    answer = Sample(text="the cat sat on the mat " * 100_000)
    began = time.process_time()
    for word in ("rouge-n", "bleu", "gleu", "meteor"):
        assert 0 <= look(check(type=word, value="the cat sat"), answer).score <= 1
    assert time.process_time() - began < 6
    assert len(words(answer.text)) == MAX_WORDS


@pytest.mark.parametrize(
    ("assertion", "path"),
    [
        ({"type": "rouge-n", "value": "a", "config": {"n": 9}}, ("config", "n")),
        ({"type": "rouge-n", "value": "a", "config": {"m": 1}}, ("config", "m")),
        ({"type": "rouge-n", "value": "a", "threshold": 75}, ("threshold",)),
        ({"type": "bleu", "value": "  "}, ("value",)),
        ({"type": "bleu", "value": {"a": 1}}, ("value",)),
        ({"type": "bleu", "value": []}, ("value",)),
        ({"type": "gleu", "value": "a", "config": {"n": 1}}, ("config",)),
        ({"type": "levenshtein", "value": "a", "threshold": -1}, ("threshold",)),
        ({"type": "levenshtein", "value": ["a"]}, ("value",)),
    ],
)
def test_what_cannot_be_meant_is_refused(assertion: dict[str, Any], path: tuple[str, ...]) -> None:
    assert wrong(**assertion)[0] == path
