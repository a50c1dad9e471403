"""Which name somebody may have meant who asked for a model that there is not.

Plain word lists are compared by `stores/wording.py`; this one runs in the midst of calls, against a thousand names, for
whoever sends whatever as often as he likes. So a name is left out by its length and letters before it is compared:
1,000 names take about a millisecond, and difflib alone takes 5 to 17.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

MAX_NAME = 100
LEAST_ALIKE = 0.75
# Of the letters that only one of two names has: a slip changes two at most, and two slips are forgiven.
_MAX_STRANGE = 4
# So much of a name is enough to mean it by: `claude-haiku` is `claude-haiku-4-5`, and `gpt` is nothing.
_LEAST_PREFIX = 5


def nearby(name: str, known: Iterable[str]) -> list[str]:
    """Those of `known` that `name` may be a slip of the pen for, the most alike first: other separators and capitals, a
    provider before it, a version behind it or left away, or two slips. Never the name itself."""
    asked, mask = _form_of(name[:MAX_NAME])
    if not asked:
        return []
    size, found = len(asked), list[tuple[float, str]]()
    for one in known:
        text, letters = _form(one)
        if abs(len(text) - size) > 2 or (letters ^ mask).bit_count() > _MAX_STRANGE:
            shorter = min(len(text), size)
            if shorter < _LEAST_PREFIX or text[:shorter] != asked[:shorter]:
                continue
            alike = 1.0 - abs(len(text) - size) / 1000  # the one with the least to add
        else:
            alike = 2.0 if text == asked else SequenceMatcher(None, text, asked).ratio()
        if alike >= LEAST_ALIKE and one != name:
            found.append((-alike, one))
    return [one for _, one in sorted(found)]


def _form_of(name: str) -> tuple[str, int]:
    """What two spellings of a name have in common, and which letters are in it, a bit each."""
    text = "".join(filter(str.isalnum, name.rpartition("/")[2].casefold()))
    mask = 0
    for letter in text:
        mask |= 1 << (ord(letter) & 63)
    return text, mask


_form = lru_cache(maxsize=16_384)(_form_of)
