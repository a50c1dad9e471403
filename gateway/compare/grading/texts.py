"""Assertions about what an answer says, letter by letter."""

from collections.abc import Callable
from typing import Any, cast

from gateway.compare.grading.checks import Look, Wanted
from gateway.compare.grading.grades import Verdict
from gateway.compare.grading.sample import NotJson, Sample
from gateway.compare.grading.values import Wrong, clipped, keys, number, one_text, same, shown, text_of, texts
from gateway.core.extras import installing
from gateway.guard.detectors.matching import MissingExtra, Patterns, Rule
from gateway.guard.detectors.prefixes import PatternError

Fold = Callable[[str], str]


def equals(wanted: Wanted) -> Look:
    """The same text; a value with parts is compared with the answer's JSON."""
    value: Any = wanted.value
    if isinstance(value, dict | list):
        return _equals_json(cast(object, value))
    text = one_text(value, empty=True)
    yes = Verdict(True, 1.0, f"the answer is {shown(text)}")

    def look(sample: Sample) -> Verdict:
        if sample.text == text:
            return yes
        return Verdict(False, 0.0, f"the answer is {shown(sample.text)}, not {shown(text)}")

    return look


def _equals_json(value: object) -> Look:
    told = shown(text_of(value))

    def look(sample: Sample) -> Verdict:
        if isinstance(sample.json, NotJson):
            return Verdict(False, 0.0, f"the answer is not JSON: {sample.json.why}")
        if same(sample.json, value):
            return Verdict(True, 1.0, f"the answer's JSON is {told}")
        return Verdict(False, 0.0, f"the answer's JSON is {shown(sample.text)}, not {told}")

    return look


def contains(wanted: Wanted) -> Look:
    return _contains(one_text(wanted.value), str)


def icontains(wanted: Wanted) -> Look:
    return _contains(one_text(wanted.value), str.lower)


def _contains(text: str, fold: Fold) -> Look:
    part = fold(text)
    yes = Verdict(True, 1.0, f"the answer contains {shown(text)}")
    no = Verdict(False, 0.0, f"the answer does not contain {shown(text)}")
    return lambda sample: yes if part in fold(sample.text) else no


def contains_any(wanted: Wanted) -> Look:
    return _contains_any(texts(wanted.value), str)


def icontains_any(wanted: Wanted) -> Look:
    return _contains_any(texts(wanted.value), str.lower)


def _contains_any(words: tuple[str, ...], fold: Fold) -> Look:
    parts = [fold(word) for word in words]
    no = Verdict(False, 0.0, f"the answer contains none of {_listed(words)}")

    def look(sample: Sample) -> Verdict:
        text = fold(sample.text)
        for word, part in zip(words, parts, strict=True):
            if part in text:
                return Verdict(True, 1.0, f"the answer contains {shown(word)}")
        return no

    return look


def contains_all(wanted: Wanted) -> Look:
    return _contains_all(texts(wanted.value), str)


def icontains_all(wanted: Wanted) -> Look:
    return _contains_all(texts(wanted.value), str.lower)


def _contains_all(words: tuple[str, ...], fold: Fold) -> Look:
    parts = [fold(word) for word in words]
    yes = Verdict(True, 1.0, f"the answer contains all of {_listed(words)}")

    def look(sample: Sample) -> Verdict:
        text = fold(sample.text)
        missing = [word for word, part in zip(words, parts, strict=True) if part not in text]
        return Verdict(False, 0.0, f"the answer does not contain {_listed(missing)}") if missing else yes

    return look


def starts_with(wanted: Wanted) -> Look:
    text = one_text(wanted.value)
    yes = Verdict(True, 1.0, f"the answer starts with {shown(text)}")

    def look(sample: Sample) -> Verdict:
        if sample.text.startswith(text):
            return yes
        return Verdict(False, 0.0, f"the answer starts with {shown(sample.text[: len(text)])}, not {shown(text)}")

    return look


def regex(wanted: Wanted) -> Look:
    """A pattern of RE2, found anywhere. RE2 alone: no pattern takes more than a time that grows with the text, and
    one that means something else in another engine is refused everywhere alike."""
    pattern = one_text(wanted.value)
    matches = pattern_in(pattern, ("value",))
    yes = Verdict(True, 1.0, f"the answer matches {shown(pattern)}")
    no = Verdict(False, 0.0, f"the answer does not match {shown(pattern)}")
    return lambda sample: yes if matches(sample.text) else no


def pattern_in(pattern: str, path: tuple[str | int, ...]) -> Callable[[str], bool]:
    """Whether a text matches the pattern anywhere.

    Raises:
        Wrong: RE2 does not take it, or is not installed.
    """
    try:
        return Patterns([Rule("regex", pattern)], wide=True).any_in
    except (PatternError, UnicodeEncodeError) as error:
        raise Wrong(path, f"{shown(pattern)} is not a pattern of RE2, which has no look-around: {error}") from None
    except MissingExtra:
        raise Wrong(path, f"patterns need the extra `guards`: {installing('guards')}") from None


def word_count(wanted: Wanted) -> Look:
    """Words between blanks: exactly so many, or from `min` to `max`."""
    value = wanted.value
    if isinstance(value, dict):
        bounds = keys(value, ("min", "max"))
        least, most = _count(bounds.get("min"), "min"), _count(bounds.get("max"), "max")
        if least is None and most is None:
            raise Wrong(("value",), "needs `min` or `max`, or is a number of words")
        if least is not None and most is not None and least > most:
            raise Wrong(("value", "min"), f"`min` {least} is more than `max` {most}")
    else:
        least = most = _exact_count(value)
    told = (
        f"{least}" if least == most else f"{least if least is not None else 0} to {most if most is not None else '∞'}"
    )

    def look(sample: Sample) -> Verdict:
        count = len(sample.text.split())
        fits = (least is None or count >= least) and (most is None or count <= most)
        return Verdict(fits, float(fits), f"{count} words; asked for: {told}", measured=count)

    return look


def _exact_count(value: object) -> int:
    text = value.strip() if isinstance(value, str) else ""
    return _count(int(text) if text.isascii() and text.isdigit() and len(text) < 10 else value, None) or 0


def _count(value: object, name: str | None) -> int | None:
    if value is None:
        return None
    path = ("value", name) if name else ("value",)
    found = number(value, path)
    if found < 0 or found != int(found):
        raise Wrong(path, "expected a whole number of words, 0 or more")
    return int(found)


def _listed(words: tuple[str, ...] | list[str]) -> str:
    return clipped(", ".join(shown(word, 40) for word in words), 200)
