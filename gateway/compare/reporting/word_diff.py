"""What one text has that another has not, word by word."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "gone", "new"]
Piece = tuple[Kind, str]

# Beyond so many words nobody reads a comparison, and making one takes its time.
MAX_WORDS = 1_200
# Texts that share less than that have been written anew: to mark every word of them helps nobody.
LEAST_SHARED = 0.25
_WORDS = re.compile(r"(?:\w+|[^\w\s])\s*|\s+")


def word_diff(before: str, after: str) -> list[Piece] | None:
    """Pieces that make `after` without those that are gone, and `before` without the new ones. None: the texts are too
    long, or have too little in common, to be read side by side."""
    one, other = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(one), len(other)) > MAX_WORDS:
        return None
    head = _shared(one, other)
    tail = _shared(one[head:][::-1], other[head:][::-1])
    middle = _middle(one[head : len(one) - tail], other[head : len(other) - tail])
    end = "".join(other[len(other) - tail :])
    kept: list[Piece] = [("same", "".join(other[:head])), *middle, ("same", end)]
    pieces = [piece for piece in kept if piece[1]]
    shared = sum(len(text.strip()) for kind, text in pieces if kind == "same")
    longest = max(len(before), len(after))
    return pieces if not longest or shared >= LEAST_SHARED * longest else None


def _shared(one: list[str], other: list[str]) -> int:
    """How many words the two begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _middle(one: list[str], other: list[str]) -> Iterator[Piece]:
    # From two hundred words on, words that stand everywhere begin no match: time stays bounded, whatever the texts.
    for tag, begin, end, new_begin, new_end in SequenceMatcher(None, one, other).get_opcodes():
        if tag == "equal":
            yield "same", "".join(other[new_begin:new_end])
        else:
            yield "gone", "".join(one[begin:end])
            yield "new", "".join(other[new_begin:new_end])
