"""One look for several detectors: most texts hold nothing, and every look hands the interpreter to other threads and
takes it back, which costs more than the reading.

What it says is exact where it says no. Two automata that count would be one with the product of their states: random
digits would keep it building them. Each of those reads for itself, and the first of them reads for all the others.
"""

from collections.abc import Iterable, Sequence

from gateway.guard.detectors.matching import Automata, engine_of
from gateway.guard.detectors.prefixes import PatternError
from gateway.guard.words import Detector


class FirstLook:
    """Of the detectors that find nothing in a text of ASCII unless one of their automata may be in it (`first`).

    Attributes:
        detectors: the ids of those it looks for. all_of_them: they are all there are.
    """

    __slots__ = ("_engines", "_keep", "all_of_them", "detectors")

    def __init__(self, detectors: Iterable[Detector]) -> None:
        """Raises:
        PatternError: together they are too large.
        """
        self._keep = tuple(detectors)  # so that nothing else gets their ids
        looked_for = [one for one in self._keep if automata_of(one)]
        self.detectors = frozenset(map(id, looked_for))
        self.all_of_them = len(looked_for) == len(self._keep)
        automata = [automaton for one in looked_for for automaton in automata_of(one)]
        groups = [[one.maybe] for one in automata if one.counts] or [[]]
        groups[0] += [one.maybe for one in automata if not one.counts]
        self._engines = [engine_of("|".join(dict.fromkeys(group)), "utf-8") for group in groups if group]

    def finds_nothing(self, text: str) -> bool:
        """Whether none of its detectors finds anything in the text."""
        if not text.isascii():
            return False  # each reads other letters in its own way
        seen = text.encode()
        for engine in self._engines:  # noqa: SIM110  no generator: every event of a stream comes by here
            if engine.search(seen) is not None:
                return False
        return True


def first_look(detectors: Sequence[Detector]) -> FirstLook | None:
    """None where it would save nothing."""
    if sum(bool(automata_of(one)) for one in detectors) < 2:
        return None
    try:
        return FirstLook(detectors)
    except PatternError:
        return None


def automata_of(detector: Detector) -> Sequence[Automata]:
    return getattr(detector, "first", ())
