"""`leak`: how much of the system prompt stands in an answer, word for word.

Both are cut into runs of words (shingles, Broder 1997). What counts is containment, the share of the prompt's runs that
the answer has, not resemblance: a long answer around a copied prompt leaks it all the same. A prompt that is retold, or
translated, or encoded is not seen.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from gateway.guard.words import Detector, Span

# Scripts without blanks between words count by the letter.
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")
_SHINGLE = 5
# "You are a helpful assistant." is no secret.
_LEAST_WORDS = 12


class LeakOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    max_similarity: the share of the system prompt that may stand in an answer, 0 to 1.
    max_words: so many of its words in a row may, whatever their share; None: any number.
    """

    max_similarity: float = 0.3
    max_words: int | None = 50

    def __post_init__(self) -> None:
        if not 0 <= self.max_similarity <= 1:
            raise ValueError("max_similarity is 0 to 1")
        if self.max_words is not None and self.max_words < _SHINGLE:
            raise ValueError(f"max_words is {_SHINGLE} at least")


class LeakDetector:
    """Finds nothing by itself: `of` makes one for a call, from the call's system prompt."""

    name = "leak"
    whole = True

    def __init__(self, options: LeakOptions, system: str = "") -> None:
        self._options = options
        words = [found[0] for found in _WORD.finditer(system.casefold())]
        self._shingles = frozenset(_shingles(words if len(words) >= _LEAST_WORDS else ()))

    def of(self, system: str) -> Detector:
        """For one call: `system`, all its system and developer texts."""
        return LeakDetector(self._options, system)

    def find(self, text: str) -> Sequence[Span]:
        if not self._shingles:
            return ()
        words = list(_WORD.finditer(text))
        shingles = list(_shingles([word[0].casefold() for word in words]))
        copied = [number for number, shingle in enumerate(shingles) if shingle in self._shingles]
        if not copied:
            return ()
        similarity = len({shingles[number] for number in copied}) / len(self._shingles)
        runs = _runs(copied)
        longest = max(last - first for first, last in runs) + _SHINGLE
        too_long = self._options.max_words is not None and longest > self._options.max_words
        if similarity <= self._options.max_similarity and not too_long:
            return ()
        spans = [(words[first].start(), words[last + _SHINGLE - 1].end()) for first, last in runs]
        return [Span(start, end, "system_prompt", round(similarity, 3)) for start, end in _joined(spans)]

    def open_from(self, text: str) -> int:  # noqa: ARG002
        return 0


def _shingles(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[offset:] for offset in range(_SHINGLE)), strict=False)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each row of numbers that follow each other."""
    breaks = [number for number, (one, other) in enumerate(pairwise(numbers), 1) if other != one + 1]
    return [(numbers[first], numbers[last - 1]) for first, last in pairwise([0, *breaks, len(numbers)])]


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that overlap, as one."""
    joined = [spans[0]]
    for start, end in spans[1:]:
        if start <= joined[-1][1]:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined
