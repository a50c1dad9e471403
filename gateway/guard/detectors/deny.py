"""`deny`: an organisation's own words and patterns.

Patterns are RE2's (https://github.com/google/re2/wiki/Syntax): no look-around and no back-references, and in return no
pattern, however written, takes more than a time that grows with the text.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

import msgspec

from gateway.guard.detectors.lookalikes import MIXED, as_latin
from gateway.guard.detectors.matching import Automata, Found, Patterns, Rule, first_of
from gateway.guard.detectors.plain import found_in_plain, open_in_plain, plain
from gateway.guard.detectors.prefixes import PatternError
from gateway.guard.words import Span

_MOST = 1000


class DenyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    words: words and phrases as they are; found as whole words, any blanks between, also where look-alikes of another
        alphabet stand for some of their letters. Kind `word`.
    patterns: name → RE2 pattern; the name is the finding's kind.
    case_sensitive: `words` only; a pattern says `(?i)` itself.
    """

    words: tuple[str, ...] = ()
    patterns: Mapping[str, str] = {}
    case_sensitive: bool = False

    def __post_init__(self) -> None:
        if not self.words and not self.patterns:
            raise ValueError("neither words nor patterns: nothing would be found")
        if not all(plain(word).strip() for word in self.words):
            raise ValueError("a word is empty")


class DenyDetector:
    """Raises:
    PatternError: a pattern that RE2 does not take, or one that an empty text matches.
    """

    name = "deny"
    whole = False

    def __init__(self, options: DenyOptions) -> None:
        self._words = _words(options.words, options)
        disguised = tuple(map(as_latin, options.words))
        self._disguised = self._words if disguised == options.words else _words(disguised, options)
        self._mixed = Patterns([Rule("mixed", MIXED)], wide=True)
        members: list[Patterns] = []
        for kind, pattern in options.patterns.items():
            try:
                patterns = Patterns([Rule(kind, pattern, _not_empty)], wide=True, most=_MOST)
            except PatternError as error:
                raise PatternError(f"the pattern `{kind}`: {error}") from None
            if patterns.any_in(""):
                raise PatternError(f"the pattern `{kind}` matches an empty text, so it would match everywhere")
            members.append(patterns)
        self._patterns = Automata(members)
        # An organisation's own patterns may be of any size.
        self.first = (self._words,) if options.words and not members else ()

    def find(self, text: str) -> Sequence[Span]:
        # Patterns look for the characters that they name.
        return first_of([found_in_plain(self._find_words, text), self._patterns.find(text)])

    def open_from(self, text: str) -> int:
        return min(open_in_plain(self._words_open_from, text), self._patterns.open_from(text))

    def _find_words(self, text: str) -> Sequence[Span]:
        found = self._words.find(text)
        if text.isascii() or not self._mixed.any_in(text):
            return found
        disguised = self._disguised.find(as_latin(text))
        return first_of([found, [one for one in disguised if self._mixed.any_in(text[one.start : one.end])]])

    def _words_open_from(self, text: str) -> int:
        opened, read = self._words.open_from(text), as_latin(text)
        if read is text and self._disguised is self._words:
            return opened
        return min(opened, self._disguised.open_from(read))


def _words(words: Sequence[str], options: DenyOptions) -> Automata:
    flag = "" if options.case_sensitive else "(?i)"
    # The longest first, so that of two words with one beginning the longer is found.
    phrases = map(_phrase, sorted(words, key=len, reverse=True))
    return Automata([Patterns([Rule("word", flag + "|".join(phrases), _whole_word)], wide=True)] if words else [])


def _not_empty(found: Found) -> Span | None:
    return Span(found.start, found.end, found.kind) if found.end > found.start else None


def _phrase(word: str) -> str:
    text = unicodedata.normalize("NFC", plain(word).strip())
    phrase = r"\s+".join("".join(map(_letter, part)) for part in text.split())
    before = r"\b" if re.match(r"[A-Za-z0-9_]", text) else ""
    after = r"\b" if re.search(r"[A-Za-z0-9_]\Z", text) else ""
    return before + phrase + after


def _letter(letter: str) -> str:
    """Composed or not (`ü` may be `u` and two dots)."""
    apart = unicodedata.normalize("NFD", letter)
    return re.sub(r"([^\w\s])", r"\\\1", letter) if apart == letter else f"(?:{letter}|{apart})"


def _whole_word(found: Found) -> Span | None:
    """RE2's `\\b` knows ASCII letters only. Scripts without blanks between words have no whole words."""
    text, start, end = found.text, found.start, found.end
    if _joins(text[start - 1 : start]) and _joins(text[start : start + 1]):
        return None
    if _joins(text[end : end + 1]) and _joins(text[end - 1 : end]):
        return None
    return Span(start, end, found.kind)


def _joins(character: str) -> bool:
    return character.isalnum() and not _UNSPACED.match(character)


# Thai to Khmer, kana, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
