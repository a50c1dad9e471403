"""A long text by pieces, so that other calls have their turn in between: in one go, 400 kB of figures kept everybody
waiting for half a second.

Pieces end where nothing may go on, as a stream's windows do (`window`): the same is found as in the whole.
"""

from collections.abc import Iterator, Sequence

import msgspec

from gateway.guard.words import Detector, Span

# Characters that are looked at in one go: a millisecond, or twenty where all of them are digits.
AT_ONCE = 16_384
# What detectors see of the text before: a word's beginning, a name before a number.
MAX_CONTEXT = 128


def found_by_pieces(detector: Detector, text: str, at_once: int = AT_ONCE) -> Iterator[Sequence[Span]]:
    """What a detector finds, some of it with each step, and in all what its `find` does."""
    if detector.whole or len(text) <= 2 * at_once:
        yield detector.find(text)
        return
    decided, size = 0, at_once
    while decided < len(text):
        end = min(len(text), decided + size)
        begin = decided - len(tail(text[max(0, decided - MAX_CONTEXT - 1) : decided]))
        view = text[begin:end]
        until = end if end == len(text) else begin + detector.open_from(view)
        spans = _beyond(detector.find(view), begin, decided) if until > decided else []
        until = next((one.start for one in spans if one.start < until < one.end), until)
        yield [one for one in spans if one.end <= until]
        # What is longer than a piece is looked at with twice as much, and so at most twice in all.
        size = at_once if until > decided else 2 * size
        decided = max(decided, until)


def _beyond(spans: Sequence[Span], begin: int, decided: int) -> list[Span]:
    """Those that begin where nothing is decided, at their places in the text."""
    moved = (msgspec.structs.replace(one, start=one.start + begin, end=one.end + begin) for one in spans)
    return [one for one in moved if one.start >= decided]


def tail(text: str) -> str:
    """The end of a text, from the beginning of a word if there is one."""
    if len(text) <= MAX_CONTEXT:
        return text
    end = text[-MAX_CONTEXT:]
    if text[-MAX_CONTEXT - 1].isspace():
        return end
    words = end.split(None, 1)
    return words[1] if len(words) == 2 and not end[0].isspace() else end
