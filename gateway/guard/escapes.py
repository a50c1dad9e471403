"""JSON text inside a string (a tool call's arguments), looked at as what it says.

`{"note":"call\\n555-1234"}`: a detector sees a line break, and not the letter n, before the number.
"""

import re
from collections.abc import Sequence

_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt])|([^u]))|\\u[0-9a-fA-F]{0,3}\Z|\\\Z', re.DOTALL)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NEEDED = re.compile(r'[\x00-\x1f"\\]')


class Seen:
    """Attributes:
    text: what JSON text says, without a last escape that is not whole yet.
    """

    __slots__ = ("_at", "text")

    def __init__(self, raw: str, *, json: bool) -> None:
        self._at: Sequence[int] | None = None
        self.text = raw
        if json and "\\" in raw:
            self._read(raw)

    def _read(self, raw: str) -> None:
        said: list[str] = []
        at: list[int] = []
        last = 0
        for found in _ESCAPE.finditer(raw):
            said.append(raw[last : found.start()])
            at.extend(range(last, found.start()))
            last = found.end()
            code, short, other = found.groups()
            if code is None and short is None and other is None:
                last = found.start()  # its other half is still to come
                break
            said.append(chr(int(code, 16)) if code else _SHORT.get(short, short) if short else other)
            at.append(found.start())
        else:
            said.append(raw[last:])
            at.extend(range(last, len(raw)))
            last = len(raw)
        self.text = "".join(said)
        self._at = [*at, last]

    def raw(self, place: int) -> int:
        """Where a character of `text` begins in the JSON text."""
        return place if self._at is None else self._at[place]


def escaped(text: str) -> str:
    """Text as it stands inside of a JSON string."""
    return _NEEDED.sub(lambda found: _short(found[0]), text)


def _short(character: str) -> str:
    for name, said in _SHORT.items():
        if said == character:
            return "\\" + name
    return "\\" + character if character in '"\\' else f"\\u{ord(character):04x}"
