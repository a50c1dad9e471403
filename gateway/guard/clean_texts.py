"""Texts in which nothing was found, so that they need not be looked at again.

An application sends its instructions with every request, and a conversation all its earlier turns. Kept is a digest and
no text. Its key is this process's own, and another one for each caller and each set of guards: a digest says nothing to
anybody else, and how soon an answer comes does not tell one caller what another has sent.
"""

import os
from collections import OrderedDict
from collections.abc import Collection, Sequence
from hashlib import blake2b

# 7 MB.
MOST = 32_768


class Digests:
    """The last that somebody asked for or added, of all callers.

    Attributes:
        kept: they, the last in the end: whoever finds one there moves it.
    """

    __slots__ = ("_most", "kept")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.kept: OrderedDict[bytes, None] = OrderedDict()

    def add(self, digest: bytes) -> None:
        self.kept[digest] = None
        if len(self.kept) > self._most:
            self.kept.popitem(last=False)


class CleanTexts:
    """Those of one caller and one set of guards, all of which look at each of the texts.

    Attributes:
        digests: in which a text's stands if nothing is in it.
    """

    __slots__ = ("_json", "_words", "digests")

    def __init__(self, digests: Digests) -> None:
        self.digests = digests
        key = os.urandom(32)
        # Their copies are begun already; a new one would read the key each time.
        self._words, self._json = (blake2b(digest_size=16, key=key, person=how) for how in (b"", b"json"))

    def unknown(self, texts: Sequence[str], json: Collection[int] = ()) -> list[tuple[int, bytes]]:
        """The numbers of the texts that are not known to be clean, and the digest of each, to be added if it is.
        `json`: the numbers of those that are JSON text: the same characters as words are another text."""
        kept, new = self.digests.kept, list[tuple[int, bytes]]()
        as_words = self._words.copy
        for number, text in enumerate(texts):
            digesting = self._json.copy() if json and number in json else as_words()
            digesting.update(text.encode("utf-8", "surrogatepass"))
            digest = digesting.digest()
            if digest in kept:
                kept.move_to_end(digest)
            else:
                new.append((number, digest))
        return new
