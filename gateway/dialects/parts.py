"""Numbering parts in dialects whose streams do not: a piece of text says what it is, never where it begins or ends."""

from collections.abc import Hashable

from gateway.core.conversation import Part
from gateway.core.generation import Event, PartEnded, PartStarted


class OpenParts:
    """Per choice, which part is open. One at a time: a piece of another kind ends the one before."""

    __slots__ = ("_count", "_open")

    def __init__(self) -> None:
        self._count: dict[int, int] = {}
        self._open: dict[int, tuple[Hashable, int]] = {}

    def number(self, choice: int, key: Hashable) -> int | None:
        """The open part's number if it is the one with this key."""
        found = self._open.get(choice)
        return found[1] if found is not None and found[0] == key else None

    def start(self, choice: int, key: Hashable, beginning: Part, events: list[Event]) -> int:
        """Begin a part, ending the one before it."""
        self.end(choice, events)
        number = self._count.get(choice, 0)
        self._count[choice] = number + 1
        self._open[choice] = (key, number)
        events.append(PartStarted(choice, number, beginning))
        return number

    def end(self, choice: int, events: list[Event]) -> None:
        found = self._open.pop(choice, None)
        if found is not None:
            events.append(PartEnded(choice, found[1]))

    def end_all(self, events: list[Event]) -> None:
        for choice in list(self._open):
            self.end(choice, events)

    def count(self, choice: int) -> int:
        """How many parts the choice has had."""
        return self._count.get(choice, 0)
