"""Texts in which nothing was found, so that they need not be looked at again.

An application sends its instructions with every request, and a conversation all its earlier turns. Kept is a digest and
no text. Its key is this process's own, and another one for each caller and each set of guards: a digest says nothing to
anybody else, and how soon an answer comes does not tell one caller what another has sent.
"""

import os
from collections import OrderedDict
from hashlib import blake2b

from gateway.guard.walking import Place

# 7 MB.
MOST = 32_768


class Digests:
    """The last that somebody asked for or added, of all callers."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, digest: bytes) -> bool:
        if digest not in self._kept:
            return False
        self._kept.move_to_end(digest)
        return True

    def add(self, digest: bytes) -> None:
        self._kept[digest] = None
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


class CleanTexts:
    """Those of one caller and one set of guards, all of which look at each of the texts.

    Attributes:
        digests: in which a text's `digest` stands if nothing is in it.
    """

    __slots__ = ("_key", "digests")

    def __init__(self, digests: Digests) -> None:
        self.digests = digests
        self._key = os.urandom(32)

    def digest(self, place: Place) -> bytes:
        """Of a text and of how it is read."""
        text, how = place.text.encode("utf-8", "surrogatepass"), b"json" if place.json else b""
        return blake2b(text, digest_size=16, key=self._key, person=how).digest()
