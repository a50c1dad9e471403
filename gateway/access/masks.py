"""Which of many entries match a word, as one integer: bit i is entry i.

A decision is then the AND of a few integers, however many rules there are. Exact words and plain prefixes
(`gpt-4o*`) are found in dictionaries; only other patterns are tried one by one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gateway.core.globs import compile_globs, is_glob


class WordMasks:
    """One condition, over all entries; those that say nothing about it are `constrained`'s complement."""

    def __init__(self) -> None:
        self.constrained = 0
        self._exact: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        self._patterns: dict[str, int] = {}
        self._tests: dict[str, Callable[[str], bool]] = {}

    def add(self, bit: int, words: Iterable[str]) -> None:
        """The entry with this bit matches these words and patterns only."""
        self.constrained |= bit
        for word in words:
            if not is_glob(word):
                kept, key = self._exact, word
            elif word.endswith("*") and not is_glob(word[:-1]):
                kept, key = self._prefixes, word[:-1]
            else:
                kept, key = self._patterns, word
            kept[key] = kept.get(key, 0) | bit

    def named(self, words: Iterable[str]) -> int:
        """The entries that name one of these words."""
        found = 0
        for word in words:
            found |= self._exact.get(word, 0)
            if self._prefixes:
                for length in range(len(word) + 1):
                    found |= self._prefixes.get(word[:length], 0)
            for pattern, bits in self._patterns.items():
                if self._test(pattern)(word):
                    found |= bits
        return found

    def missed(self, words: Iterable[str]) -> int:
        """The entries that these words keep from matching."""
        return self.constrained & ~self.named(words)

    def _test(self, pattern: str) -> Callable[[str], bool]:
        test = self._tests.get(pattern)
        if test is None:
            test = self._tests[pattern] = compile_globs((pattern,))
        return test


class PairMasks:
    """Conditions on named values (labels, claims): all that an entry states must hold."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, tuple[str, ...]], int] = {}
        self._tests: dict[tuple[str, ...], Callable[[str], bool]] = {}

    def add(self, bit: int, name: str, patterns: tuple[str, ...]) -> None:
        """The entry with this bit needs a value under `name` that matches one of the patterns."""
        key = (name, patterns)
        self._entries[key] = self._entries.get(key, 0) | bit
        if patterns not in self._tests:
            self._tests[patterns] = compile_globs(patterns)

    def missed(self, values: Mapping[str, Sequence[str]]) -> int:
        """The entries that these values keep from matching."""
        missed = 0
        for (name, patterns), bits in self._entries.items():
            test = self._tests[patterns]
            if not any(test(value) for value in values.get(name, ())):
                missed |= bits
        return missed


def positions(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
