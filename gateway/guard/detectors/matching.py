"""Many patterns as one automaton (RE2): a text is read once, in time that grows with its length and nothing else.

Python's `re` takes 100 µs for one look for an address in 4 KB, RE2 10 µs for fifty patterns at once; and no pattern,
an organisation's own ones included, can make it try over and over.
"""

import functools
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gateway.core.extras import installing
from gateway.guard.detectors.prefixes import PatternError, beginnings, without_groups
from gateway.guard.words import Span

try:
    import re2 as _re2  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
except ImportError:  # the extra `guards`
    _re2 = None

MISSING = f"guards need the extra `guards`: {installing('guards')}"
_MAX_BYTES = 64 << 20
# Characters of a long word.
_WORD = 48


class MissingExtra(Exception):
    """A package that a detector needs is not installed. Says which extra brings it."""


class Found(NamedTuple):
    """A match: characters `start` to `end` of `text`, found by a rule of this `kind`."""

    text: str
    start: int
    end: int
    kind: str


Judge = Callable[[Found], Span | None]


class Rule(NamedTuple):
    """What a pattern finds. `judge`: a second look at a match, None for no finding; it may look at what stands before
    the match and at the one character after it, never further: that may not have come yet."""

    kind: str
    pattern: str
    judge: Judge | None = None


class Patterns:
    """Rules in one automaton; where several match at the same place, the first of them counts.

    Args:
        wide: the patterns have letters beyond Latin-1. Otherwise a text is read with one byte for each character,
            others as `?`, which is quicker, and finds an address that stands between Chinese characters.
        most: past so many findings, what is left of a text is one more. A pattern that looks far ahead for each of its
            many matches would take time that grows with the square of the text.

    Raises:
        MissingExtra: RE2 is not installed. PatternError: a pattern that it does not take.
    """

    def __init__(self, rules: Sequence[Rule], *, wide: bool = False, most: int | None = None) -> None:
        self._most = most
        self.rules = tuple(rules)
        self.wide = wide
        self._encoding = "utf-8" if wide else "latin-1"
        # A group tells which of several rules matched; their own are none. Groups are a quarter of a search, so that
        # rules with one judge go without.
        self._alike = len({(rule.kind, rule.judge) for rule in rules}) <= 1
        group = "(?:{})" if self._alike else "({})"
        self._all = engine_of("|".join(group.format(without_groups(rule.pattern)) for rule in rules), self._encoding)

    def find(self, text: str) -> list[Span]:
        seen = text.encode(self._encoding, "replace")
        spans: list[Span] = []
        place = _places(seen, self._encoding, len(text))
        at, last = 0, len(seen)
        while at < last and (match := self._all.search(seen, at)) is not None:
            start, end = match.span()
            rule = self.rules[0 if self._alike else match.lastindex - 1]
            found = Found(text, place(start), place(end), rule.kind)
            span = rule.judge(found) if rule.judge else Span(found.start, found.end, rule.kind)
            if span is not None:
                if len(spans) == self._most:
                    return [*spans, Span(found.start, len(text), found.kind)]
                spans.append(span)
            # What was no finding may hide one that begins later in it.
            at = start + 1 if span is None else max(end, start + 1)
        return spans

    def any_in(self, text: str) -> bool:
        """Whether any pattern matches anywhere; no judge is asked."""
        return self._all.search(text.encode(self._encoding, "replace")) is not None


class Automata:
    """Several, each of which reads a text for itself: in one for all, a number would hide another's beginning. Where
    their findings overlap, those of the earlier ones stay.

    Most texts hold nothing, and a stream is asked about with every event: one automaton of all patterns, which need
    not say which of them it was, nor count far, tells that in a tenth of the time. Another knows what all of them may
    begin with.

    Attributes:
        maybe: what that look looks for. counts: its patterns count, so that it has many states.

    Args:
        counted: how far repetitions are counted by that first look, and in what may begin: the fewer, the quicker. If
            more than a word would be held back, the next number is asked too.

    Raises:
        PatternError: together they are too large.
    """

    def __init__(self, members: Sequence[Patterns], *, counted: Sequence[int | None] = (None,)) -> None:
        self._members = tuple(members)
        self._encoding = "utf-8" if any(one.wide for one in members) else "latin-1"
        patterns = dict.fromkeys(rule.pattern for one in members for rule in one.rules)
        self.maybe = "|".join(without_groups(pattern, counted[0]) for pattern in patterns)
        self.counts = counted[0] is not None
        self._maybe = engine_of(self.maybe, self._encoding)
        begun = ("|".join(beginnings(pattern, most) for pattern in patterns) for most in counted)
        self._begun = [engine_of(f"(?:{one})\\z", self._encoding) for one in begun]

    def may_be_in(self, text: str) -> bool:
        """Whether any pattern may match anywhere: if not, none does."""
        return bool(self._members) and self._maybe.search(text.encode(self._encoding, "replace")) is not None

    def find(self, text: str) -> list[Span]:
        return first_of([one.find(text) for one in self._members]) if self.may_be_in(text) else []

    def open_from(self, text: str) -> int:
        """The first character that any pattern may begin with, of what ends with the text."""
        if not self._members:
            return len(text)
        seen = text.encode(self._encoding, "replace")
        opened = len(text)
        for begun in self._begun:
            match = begun.search(seen)
            if match is None:
                return len(text)
            opened = _places(seen, self._encoding, len(text))(match.start())
            if opened >= len(text) - _WORD:
                break
        return opened


def _places(seen: bytes, encoding: str, length: int) -> Callable[[int], int]:
    """From bytes to characters, for places asked in rising order."""
    if len(seen) == length:
        return int
    known, characters = 0, 0

    def place(at: int) -> int:
        nonlocal known, characters
        if at < known:
            return len(seen[:at].decode(encoding, "ignore"))
        characters += len(seen[known:at].decode(encoding, "ignore"))
        known = at
        return characters

    return place


def engine_of(pattern: str, encoding: str) -> Any:
    """RE2's own object for a pattern.

    Raises:
        MissingExtra: RE2 is not installed. PatternError: it does not take the pattern.
    """
    if _re2 is None:
        raise MissingExtra(MISSING)
    return _compiled(pattern, encoding)


@functools.lru_cache(64)
def _compiled(pattern: str, encoding: str) -> Any:
    engine: Any = _re2
    options = engine.Options()
    options.max_mem = _MAX_BYTES
    options.log_errors = False
    if encoding == "latin-1":
        options.encoding = engine.Options.Encoding.LATIN1
    try:
        return engine.compile(pattern.encode(encoding), options)
    except engine.error as error:
        reason = error.args[0]
        raise PatternError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def first_of(lists: Sequence[Sequence[Span]]) -> list[Span]:
    """The spans of several lists, in order of `start`; where they overlap, the one of the earlier list stays."""
    kept: list[Span] = []
    for spans in filter(None, lists):
        # None of those kept overlap, so their ends are in order too.
        ends = [one.end for one in kept]
        places = [(span, bisect_right(ends, span.start)) for span in spans]
        free = [span for span, at in places if at == len(kept) or kept[at].start >= span.end]
        kept = sorted([*kept, *free]) if free else kept
    return kept
