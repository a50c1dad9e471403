"""An organisation's own words and patterns, also those that were meant to hurt."""

import pytest

from gateway.guard.detectors import PatternError
from tests.guard.scoring import build, grows_with_the_text


def found(options: dict[str, object], text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in build("deny", options).find(text)]


def test_words_are_found_whole_in_any_case_with_any_blanks_between() -> None:
    options = {"words": ["Project Nightjar", "müller", "C++", "naïve"]}
    assert found(options, "PROJECT \n nightjar by Müller, in c++ (naïve)") == [
        ("word", "PROJECT \n nightjar"), ("word", "Müller"), ("word", "c++"), ("word", "naïve"),
    ]  # fmt: skip
    assert found(options, "projects nightjar, Müllerin, xmüller, project nightjars, naïvety") == []


def test_words_are_found_composed_or_not_and_whatever_stands_unseen_in_them() -> None:
    options = {"words": ["müller", "\uac01\ud558", "Project \u200bNightjar"]}
    for text in (
        "mu\u0308ller",
        "\u1100\u1161\u11a8\u1112\u1161",
        "proj\u00adect\u00a0night\u200bjar",
        "ｐｒｏｊｅｃｔ\u3000𝗻𝗶𝗴𝗵𝘁𝗷𝗮𝗿",
    ):
        assert found(options, f"({text})") == [("word", text)]


def test_words_are_found_where_letters_of_another_alphabet_stand_for_some_of_theirs() -> None:
    options = {"words": ["Project Nightjar", "bluebird", "müller", "оса"]}
    for text in (
        "projесt  nіghtjаr",
        "ΒLUEBIRD",
        "blu\u200bеbird",
        "müllеr",
        "oса",
    ):
        assert found(options, f"дом: ({text})") == [("word", text)]


def test_what_is_written_in_one_alphabet_is_a_word_of_that_language() -> None:
    """`сор` is Russian for litter, and has nothing to do with the police."""
    options = {"words": ["cop", "оса"]}
    assert found(options, "сор, Cop, оса, oca") == [("word", "Cop"), ("word", "оса")]
    assert found(options, "xсoр, сoрx, сoрт") == []


def test_a_letter_that_a_language_writes_beside_latin_ones_is_no_disguise() -> None:
    """`sık sık` is Turkish for often. Behind another alphabet's letter it is read as what it looks like."""
    options = {"words": ["sik", "nightjar"]}
    assert found(options, "sık sık, nıghtjar, nıghtjаr") == [("word", "nıghtjаr")]


def test_case_of_look_alikes_counts_where_case_does() -> None:
    assert found({"words": ["ACME"], "case_sensitive": True}, "аcme АCME") == [("word", "АCME")]


def test_a_pattern_looks_for_the_very_characters_that_it_names() -> None:
    options = {"patterns": {"hidden": r"[\x{200b}-\x{200f}]", "wide": r"[\x{ff10}-\x{ff19}]+"}}
    assert found(options, "a\u200bb １２") == [("hidden", "\u200b"), ("wide", "１２")]


def test_scripts_without_blanks_have_no_whole_words() -> None:
    assert found({"words": ["机密"]}, "这是机密文件") == [("word", "机密")]
    assert found({"words": ["дом"]}, "домой, дом") == [("word", "дом")]


def test_the_longer_of_two_words_is_found() -> None:
    assert found({"words": ["night", "night jar"]}, "night jar night") == [("word", "night jar"), ("word", "night")]


def test_case_may_count() -> None:
    assert found({"words": ["ACME"], "case_sensitive": True}, "acme ACME") == [("word", "ACME")]


def test_groups_of_a_pattern_do_not_matter() -> None:
    assert found({"patterns": {"it": "(a|b)(?P<c>c)"}}, "bc") == [("it", "bc")]


def test_a_pattern_is_found_under_its_name() -> None:
    options = {"patterns": {"case": r"CASE-\d+", "greek": r"\p{Greek}+"}}
    assert found(options, "see CASE-17: αβγ") == [("case", "CASE-17"), ("greek", "αβγ")]


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(a", "a*", "", r"a{1,2000}"])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        build("deny", {"patterns": {"it": pattern}})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(?:a+)+b", "a"),
        ("(?:a|aa)+c", "a"),
        ("(?:a|a?)+c", "a"),
        (r"(?:\w+\s?)+!", "word "),
        ("a.*b|a", "a"),
        ("(?:x+x+)+y", "x"),
        (".{0,500}z", "y"),
    ],
)
def test_no_pattern_takes_time_that_grows_faster_than_the_text(pattern: str, text: str) -> None:
    assert grows_with_the_text(build("deny", {"patterns": {"it": pattern}}), text, 20_000)


def test_past_a_thousand_findings_the_rest_is_one() -> None:
    spans = build("deny", {"patterns": {"a": "a.*b|a"}}).find("a" * 3000)
    assert len(spans) == 1001
    assert (spans[-1].start, spans[-1].end) == (1000, 3000)
