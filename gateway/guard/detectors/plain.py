"""Texts as they read: without letters that nobody sees, and with ASCII for what looks just like it.

`j\\u00adoe@x.org`, a number in full-width or Arabic digits, one with no-break spaces out of a web page: a person and a
model read what it says. Each character is looked at by itself, so that a stream's pieces read as their whole does.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence

from gateway.guard.words import Span

# Default ignorable code points (Unicode, DerivedCoreProperties.txt), but for variation selectors and tags, which emoji
# are made of and which `prompt_injection` knows, and for those that turn a text around.
_NOTHING = "\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202c\u2060-\u206f\ufeff"
# Digits from zero on: Arabic, Persian, Devanagari to Malayalam, Thai to Tibetan, Burmese, Khmer, Mongolian.
_ZEROS = "\u0660\u06f0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0e50\u0ed0\u0f20\u1040\u17e0\u1810"
_DIGITS = "".join(f"{zero}-{chr(ord(zero) + 9)}" for zero in _ZEROS)
# Spaces, small and full-width forms, mathematical letters and digits.
_LIKE_ASCII = f"\u00a0\u2000-\u200a\u202f\u205f\u3000\ufe50-\ufe6b\uff01-\uff5e\U0001d400-\U0001d7ff{_DIGITS}"
_UNSEEN = re.compile(f"[{_NOTHING}]")
_ODD = re.compile(f"[{_NOTHING}{_LIKE_ASCII}]")


def plain(text: str) -> str:
    """A text as it reads."""
    return text if text.isascii() or not _ODD.search(text) else _ODD.sub(_as_read, text)


def found_in_plain(find: Callable[[str], Sequence[Span]], text: str) -> Sequence[Span]:
    """What is found in a text as it reads, where it stands in the text."""
    if text.isascii():
        return find(text)
    read = plain(text)
    spans = find(read)
    if not spans or len(read) == len(text):
        return spans
    at = _kept(text)
    return [Span(at[one.start], at[one.end - 1] + 1, one.kind, one.score) for one in spans]


def open_in_plain(open_from: Callable[[str], int], text: str) -> int:
    """The same for what may yet become something."""
    if text.isascii():
        return open_from(text)
    read = plain(text)
    opened = open_from(read)
    if len(read) == len(text):
        return opened
    return _kept(text)[opened] if opened < len(read) else len(text)


def _kept(text: str) -> list[int]:
    return [number for number, one in enumerate(text) if not _UNSEEN.match(one)]


def _as_read(found: re.Match[str]) -> str:
    return _alike(found[0])


@functools.lru_cache(2048)
def _alike(character: str) -> str:
    if _UNSEEN.match(character):
        return ""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    other = unicodedata.normalize("NFKC", character)
    return other if len(other) == 1 and other.isascii() else character
