"""What was taken out of a request, and the tokens that stand in its place until the answer comes.

A token such as `<EMAIL_1>` stands for one value, wherever it occurs. It is not written for any other value of the call,
and never one that the request itself holds: what the caller wrote stays what he wrote.
"""

import re
from collections.abc import Iterable, Sequence

from gateway.guard.words import Span

_TOKEN = re.compile(r"<[A-Z][A-Z0-9_]*_\d+>")
_NO_WORD = re.compile(r"[^A-Z0-9]+")


class Vault:
    """The values of one call; never kept after it has ended."""

    __slots__ = ("_counts", "_longest", "_taken", "_tokens", "_values")

    name = "tokens"
    whole = False

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()
        self._longest = 0

    def __bool__(self) -> bool:
        return bool(self._values)

    def avoid(self, texts: Iterable[str]) -> None:
        """Use no token that stands in one of these texts."""
        for text in texts:
            if "<" in text:
                self._taken.update(_TOKEN.findall(text))

    def token(self, kind: str, value: str) -> str:
        """What stands for a value."""
        known = self._tokens.get((kind, value))
        if known is not None:
            return known
        word = kind_word(kind)
        while True:
            self._counts[word] = count = self._counts.get(word, 0) + 1
            token = f"<{word}_{count}>"
            if token not in self._taken:
                break
        self._tokens[kind, value] = token
        self._values[token] = value
        self._longest = max(self._longest, len(token))
        return token

    def value(self, token: str) -> str:
        return self._values[token]

    def find(self, text: str) -> Sequence[Span]:
        """The tokens in a text; `kind` is empty."""
        if not self._values or "<" not in text:
            return ()
        return [Span(*found.span(), "") for found in _TOKEN.finditer(text) if found[0] in self._values]

    def open_from(self, text: str) -> int:
        """Where a token may have begun."""
        size = len(text)
        begins = text.rfind("<", max(0, size - self._longest + 1)) if self._values else -1
        if begins < 0:
            return size
        begun = text[begins:]
        return begins if any(token.startswith(begun) and token != begun for token in self._values) else size


def placeholder(kind: str) -> str:
    """What stands for a value that does not come back."""
    return f"[{kind_word(kind)}]"


def kind_word(kind: str) -> str:
    word = _NO_WORD.sub("_", kind.upper()).strip("_")
    return word if word[:1].isalpha() else f"X_{word}".rstrip("_")
