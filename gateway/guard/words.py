"""What a detector says, and how it is asked."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

# From the least to the most that a guard does about what it finds; the strongest of several counts.
Action = Literal["annotate", "redact", "block"]
Side = Literal["input", "output"]


class Span(msgspec.Struct, frozen=True, order=True, gc=False):
    """Something found in a text: characters `start` to `end` (exclusive). `kind`: what it is, e.g. `email`, `aws_key`;
    `score`: 0 to 1, how sure. A finding about the text as a whole spans all of it."""

    start: int
    end: int
    kind: str
    score: float = 1.0


class Detector(Protocol):
    """Pure and quick: it is asked on the event loop, for every piece of a stream.

    Attributes:
        name: the word in policies. whole: it judges a text as a whole and can say nothing of the beginning of one, so
            that a stream's answer is judged at its end, or held back until then.
    """

    name: str
    whole: bool

    def find(self, text: str) -> Sequence[Span]:
        """What is in the text, in order of `start`; spans of one detector do not overlap."""
        ...

    def open_from(self, text: str) -> int:
        """The first character that may yet become part of something found, should more text follow; `len(text)` if
        none may. A stream is held back from there, and from nowhere earlier: for most texts that is their end."""
        ...
