"""One text of a stream, seen through a window: what is settled goes out, what may yet become something is kept.

    context     settled, and looked at again only for what stands beside it
    raw         pieces that have come and are still wanted whole: `settled` of it is decided, the rest is open

Whatever the pieces a text comes in, the same of it is found: a span is decided once, when nothing that may follow can
change it.
"""

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from gateway.guard.escapes import Seen
from gateway.guard.first_look import FirstLook
from gateway.guard.looking import Edit, Hit, edited, edits_of, hits
from gateway.guard.rules import Rule
from gateway.guard.vault import Vault
from gateway.guard.walking import Path, Place

# What detectors see of the text before: a word's beginning, a name before a number.
MAX_CONTEXT = 128
# From an address back to a `://`.
_LEAST = 80
# Of one text, each from a later place on.
_MOST_LOOKS = 8
# More cannot be open: it is looked at anew with every piece.
MAX_OPEN = 8_192


class Held(msgspec.Struct, gc=False):
    """An event that is on its way. `waiting`: how many of its texts are not decided; `changes`: those that change."""

    event: bytes
    waiting: int = 0
    changes: dict[Path, str] = {}


class Looking(msgspec.Struct, frozen=True):
    """How the texts of a stream are looked at.

    Attributes:
        rules: that look at pieces, with all their detectors if `hold`: then nothing is decided before its text ends.
        tokens: whose tokens are put back. note: hears what was found. first: a first look for the rules' detectors.
    """

    rules: Sequence[Rule]
    tokens: Vault
    note: Callable[[list[Hit]], None]
    hold: bool = False
    first: FirstLook | None = None

    def open_from(self, text: str) -> int:
        least = self.tokens.open_from(text) if self.tokens else len(text)
        for rule in self.rules:
            for detector in rule.quick:
                least = min(least, detector.open_from(text))
        return least

    def changed(self, place: Place, *, whole: bool = True) -> str | None:
        """A text that does not go on, as it is to stand there; None if it may stay. `whole`: as `hits`."""
        seen = Seen(place.text, json=place.json)
        found = hits(self.rules, seen.text, whole=whole, aside=place.aside, first=self.first)
        if found:
            self.note(found)
        elif not self.tokens:
            return None
        edits = edits_of(found, seen, tokens=self.tokens, json=place.json)
        return place.written(edited(place.text, edits)) if edits else None


class Window:
    """The window on one text."""

    __slots__ = ("_aside", "_context", "_edits", "_json", "_looking", "_pieces", "_raw", "_settled")

    def __init__(self, looking: Looking, first: Place) -> None:
        """`first`: the text's first piece, which is still to be added."""
        self._looking = looking
        self._json, self._aside = first.json, first.aside
        self._context = ""
        self._raw = ""
        self._settled = 0
        self._edits: list[Edit] = []
        self._pieces: deque[tuple[Held, Place]] = deque()

    def add(self, held: Held, place: Place) -> None:
        """The text goes on."""
        held.waiting += 1
        self._raw += place.text
        self._pieces.append((held, place))

    def settle(self, *, final: bool = False) -> None:
        """Decide what can be decided: all of it, if the text is at its end."""
        if self._settled == len(self._raw) or (self._looking.hold and not final):
            return
        seen = Seen(self._raw[self._settled :], json=self._json)
        begin = len(self._context)
        view = self._context + seen.text
        until = len(view)
        if not final:
            until = max(begin, self._looking.open_from(view), until - MAX_OPEN)
            if until == begin:
                return  # all of it is open
        if got := self._hits(view, begin):
            until = self._decide(got, seen, begin, until)
        elif self._looking.tokens:
            self._change((), seen, until - begin)
        self._settled = len(self._raw) if final else self._settled + seen.raw(until - begin)
        self._context = _tail(view[:until])
        self._let_go()

    def _hits(self, view: str, begin: int) -> list[Hit]:
        """What is found. What begins in the context and reaches out of it is there only because the context is cut: it
        would have been kept open. It may stand before something that is there, so the rest is looked at by itself."""
        found = got = self._look(view)
        at = 0
        for _ in range(_MOST_LOOKS):
            cut = [hit.span.start for hit in got if hit.span.start + at < begin < hit.span.end + at]
            if not cut:
                break
            at += max(cut) + 1
            got = self._look(view[at:])
            known = {(id(hit.detector), hit.span) for hit in found}
            again = (_moved(hit, -at) for hit in got)
            found = found + [hit for hit in again if (id(hit.detector), hit.span) not in known]
        return found

    def _look(self, text: str) -> list[Hit]:
        looking = self._looking
        return hits(looking.rules, text, whole=looking.hold, aside=self._aside, first=looking.first)

    def _decide(self, got: Sequence[Hit], seen: Seen, begin: int, until: int) -> int:
        """Decide what was found, as far as that can be: the place up to which it can."""
        found = [hit for hit in got if hit.span.start >= begin]
        until = _whole_spans(found, until, begin + len(seen.text))
        decided = [_moved(hit, begin) for hit in found if hit.span.end <= until]
        if decided:
            self._looking.note(decided)
        self._change(decided, seen, until - begin)
        return until

    def _change(self, decided: Sequence[Hit], seen: Seen, until: int) -> None:
        edits = edits_of(decided, seen, tokens=self._looking.tokens, until=until, json=self._json)
        base = self._settled
        self._edits += [Edit(base + edit.start, base + edit.end, edit.text) for edit in edits]

    def _let_go(self) -> None:
        """Hand back the pieces of which everything is decided."""
        at = 0
        while self._pieces and at + len(self._pieces[0][1].text) <= self._settled:
            held, place = self._pieces.popleft()
            end = at + len(place.text)
            if self._edits and (text := self._remains(at, end)) != place.text:
                held.changes[place.path] = place.written(text)
            held.waiting -= 1
            at = end
        if at:
            self._raw = self._raw[at:]
            self._settled -= at
            # What begins in a piece that has gone has its new text there.
            self._edits = [
                Edit(max(0, edit.start - at), edit.end - at, edit.text if edit.start >= at else "")
                for edit in self._edits
                if edit.end > at
            ]

    def _remains(self, start: int, end: int) -> str:
        """What remains of the text between two places."""
        parts: list[str] = []
        at = start
        for edit in self._edits:
            if edit.end > start and edit.start < end:
                parts.append(self._raw[at : max(at, edit.start)])
                parts.append(edit.text if edit.start >= start else "")
                at = min(end, edit.end)
        return "".join([*parts, self._raw[at:end]])


def _whole_spans(found: Sequence[Hit], until: int, size: int) -> int:
    """The place up to which can be decided, so that no span is cut. One that is longer than may be kept is taken as it
    is."""
    again = True
    while again:
        again = False
        for hit in found:
            start, end = hit.span.start, hit.span.end
            if start < until < end:
                until, again = (end if size - start > 2 * MAX_OPEN else start), True
                if until == end:
                    return until
    return until


def _moved(hit: Hit, by: int) -> Hit:
    span = msgspec.structs.replace(hit.span, start=hit.span.start - by, end=hit.span.end - by)
    return msgspec.structs.replace(hit, span=span)


def _tail(text: str) -> str:
    """The end of a text, from the beginning of a word if there is one; more of it where a long word would leave less
    than detectors look back."""
    end = _words_at_end(text, MAX_CONTEXT)
    return end if len(end) >= _LEAST or len(text) <= MAX_CONTEXT else _words_at_end(text, 8 * MAX_CONTEXT)


def _words_at_end(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    tail = text[-most:]
    if text[-most - 1].isspace():
        return tail
    words = tail.split(None, 1)
    return words[1] if len(words) == 2 and not tail[0].isspace() else tail
