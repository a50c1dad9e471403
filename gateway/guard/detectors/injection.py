"""`prompt_injection`: how much a text looks like orders to the model that are not its user's to give.

Signals are weighed together: two weak ones make a strong one (1 - (1 - a)(1 - b)). A rule of words catches what is
copied and what is common, in a dozen languages, at no cost; whoever finds words of their own passes: a first sieve.

Hidden signals: letters that nobody sees (Unicode tags, zero-width letters in words, runs of variation selectors), text
turned around (bidirectional overrides), and phrases behind base64, look-alike letters or dots between letters.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from math import prod

import msgspec

from gateway.guard.detectors.injection_signals import SIGNALS
from gateway.guard.detectors.lookalikes import LATIN
from gateway.guard.detectors.matching import Patterns, Rule
from gateway.guard.words import Span

_WEIGHTS = {signal.name: signal.weight for signal in SIGNALS} | {
    "hidden_text": 0.9,
    "disguised": 0.9,
    "turned_around": 0.7,
}
# One look tells whether any of these is in a text.
_UNSEEN = (
    r"[\x{200b}\x{2060}-\x{2064}\x{ad}\x{feff}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{fe00}-\x{fe0f}\x{e0000}-\x{e01ef}]"
)
# The flag of a region is a black flag and tags.
_TAGS = re.compile(
    "(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]{3,}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}"
)
_OVERRIDE = re.compile("[\u202d\u202e][^\u202c\n]{0,400}")
# Both, but for what stands before tags.
_RUNS = r"[\x{e0020}-\x{e007f}]{3}|[\x{fe00}-\x{fe0f}\x{e0100}-\x{e01ef}]{4}|[\x{202d}\x{202e}]"
_PLAIN: Mapping[int, str | None] = {
    **dict.fromkeys([0x200B, 0x200C, 0x200D, 0xFEFF, 0xAD, *range(0x2060, 0x2065)]),
    **LATIN,
}
_NOT_PLAIN = f"[{''.join(map(chr, _PLAIN))}]"
_LONG = r"[A-Za-z0-9+/]{32}"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{32,4000}={0,2}")
_SPELLED = re.compile(r"\b(?:\w[.\-_ ]){4,}\w\b")
# RE2's `\w` and `\b` know ASCII alone: of other letters this asks less.
_MAY_BE_SPELLED = r"(?:[\w\x{80}-\x{10ffff}][.\-_ ]){4}[\w\x{80}-\x{10ffff}]"
# Latin beside Greek, Cyrillic or full-width letters in one word.
_OTHER = r"[\x{370}-\x{4ff}\x{ff21}-\x{ff5a}]"
_MIXED = rf"[a-zA-Z]{_OTHER}|{_OTHER}[a-zA-Z]|[\x{{ff21}}-\x{{ff5a}}]{{4}}"
_MOST_DECODED = 8


class PromptInjectionOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    threshold: from which score on a text is found, 0 to 1. A strong signal has 0.7 to 0.9, a weak one 0.4.
    """

    threshold: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError("threshold is above 0 and at most 1")


class PromptInjectionDetector:
    """The kinds of its spans are its signals; all have the score of the text. Texts are judged as wholes: a weak signal
    counts only if another one follows."""

    name = "prompt_injection"
    whole = True

    def __init__(self, options: PromptInjectionOptions) -> None:
        self._threshold = options.threshold
        phrases = [Rule(signal.name, f"(?i:{signal.pattern})") for signal in SIGNALS]
        odd = [_UNSEEN, _LONG, r"\b(?:\w[.\-_ ]){4}\w\b", _MIXED]
        # Most texts have none of it, and one look tells. What is odd may hide something: one look each tells what.
        self._any = Patterns([Rule("any", "|".join([*(rule.pattern for rule in phrases), *odd]))], wide=True)
        self._phrases = Patterns(phrases, wide=True)
        self._odd = Patterns([Rule("odd", "|".join(odd))], wide=True)
        self._runs, self._not_plain, self._may_be_spelled, self._long = (
            Patterns([Rule("odd", pattern)], wide=True) for pattern in (_RUNS, _NOT_PLAIN, _MAY_BE_SPELLED, _LONG)
        )

    def find(self, text: str) -> Sequence[Span]:
        if not self._any.any_in(text):
            return ()
        spans = self._phrases.find(text)
        if self._odd.any_in(text):
            spans += self._hidden(text)
        kinds = {span.kind for span in spans}
        score = 1 - prod(1 - _WEIGHTS[kind] for kind in kinds)
        if score < self._threshold:
            return ()
        return _apart([Span(span.start, span.end, span.kind, round(score, 3)) for span in spans])

    def open_from(self, text: str) -> int:  # noqa: ARG002
        return 0

    def _hidden(self, text: str) -> Iterator[Span]:
        if not text.isascii():
            yield from self._beyond_ascii(text)
        for found in _SPELLED.finditer(text) if self._may_be_spelled.any_in(text) else ():
            if self._phrases.any_in(re.sub(r"[.\-_ ]", "", found[0]) + text[found.end() : found.end() + 200]):
                yield Span(found.start(), found.end(), "disguised")
        if self._long.any_in(text):
            for found in list(_BASE64.finditer(text.encode("ascii", "replace")))[:_MOST_DECODED]:
                if self._phrases.any_in(_decoded(found[0])):
                    yield Span(found.start(), found.end(), "disguised")

    def _beyond_ascii(self, text: str) -> Iterator[Span]:
        """What takes other characters to hide."""
        if self._runs.any_in(text):
            for found in _TAGS.finditer(text):
                yield Span(found.start(), found.end(), "hidden_text")
            for found in _OVERRIDE.finditer(text):
                yield Span(found.start(), found.end(), "turned_around")
        plain = unicodedata.normalize("NFKC", text)
        if self._not_plain.any_in(plain):
            plain = plain.translate(_PLAIN)
        if plain != text and self._phrases.any_in(plain) and not self._phrases.any_in(text):
            yield Span(0, len(text), "disguised")


def _decoded(written: bytes) -> str:
    body = written.rstrip(b"=")
    try:
        return base64.b64decode(body + b"=" * (-len(body) % 4)).decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return ""


def _apart(spans: list[Span]) -> list[Span]:
    """In order, without those that begin in one before them."""
    kept: list[Span] = []
    for span in sorted(spans):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept
