"""Questions that differ in their wording alone: found by likeness, among those that are the same in everything else."""

import importlib.util
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.core.call import Call
from gateway.core.extras import installing

# Texts → a vector each, by a model that the call's own caller may use; None: it could not be had.
Embed = Callable[[Call, str, Sequence[str]], Awaitable[Sequence[Sequence[float]] | None]]
MAX_CHARACTERS = 8_000


class Meaning(msgspec.Struct):
    """A single question's text, and the key of all that stands around it. `vector`: once it has been asked for."""

    around: bytes
    text: str
    vector: Any = None


def single_question(operation: str, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The text of a request with one question in plain text, and the request without it. None: it has more turns, or
    more than text."""
    place = {"chat": "messages", "messages": "messages", "responses": "input", "completions": "prompt"}.get(operation)
    asked = body.get(place) if place else None
    if isinstance(asked, str):
        text, rest = asked, None
    elif isinstance(asked, list):
        turns = cast(list[Any], asked)
        asking: list[Any] = [turn for turn in turns if not _is_setting(turn)]
        last = turns[-1] if turns else None
        if len(asking) != 1 or asking[0] is not last or not isinstance(last, dict):
            return None
        turn = cast(dict[str, Any], last)
        text = turn.get("content")
        if turn.get("role") != "user" or not isinstance(text, str):
            return None
        rest = [*turns[:-1], {**turn, "content": None}]
    else:
        return None
    if not text.strip() or len(text) > MAX_CHARACTERS:
        return None
    return text, {**body, cast(str, place): rest}


def _is_setting(turn: object) -> bool:
    return isinstance(turn, dict) and cast(dict[str, Any], turn).get("role") in ("system", "developer")


class Meanings:
    """The questions whose answers are kept, in this process. `max_bytes`: of all vectors together; those around which
    the longest nothing was asked go first. `max_around`: how many with the same around them.

    Attributes:
        held_bytes: of vectors, and of room for more.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024, max_around: int = 1_000) -> None:
        self._max_bytes = max_bytes
        self._most_around = max_around
        # By what is around them and the length of their vectors: a name may go to several models.
        self._known: OrderedDict[tuple[bytes, int], _Around] = OrderedDict()
        self.held_bytes = 0

    def __len__(self) -> int:
        return sum(len(known.rows) for known in self._known.values())

    def add(self, meaning: Meaning, key: bytes) -> None:
        """`key`: of its answer. A question that has no vector cannot be found again."""
        if meaning.vector is None:
            return
        place = _place(meaning)
        known = self._known.setdefault(place, _Around())
        self._known.move_to_end(place)
        if key in known.rows:
            return
        self.held_bytes -= known.held_bytes
        if len(known.rows) == self._most_around:
            known.drop(next(iter(known.rows)))
        known.add(key, meaning.vector)
        self.held_bytes += known.held_bytes
        while self.held_bytes > self._max_bytes:
            self.held_bytes -= self._known.popitem(last=False)[1].held_bytes

    def nearest(self, meaning: Meaning, threshold: float) -> tuple[bytes, float] | None:
        """The key of the answer to the question most alike, and how alike it is, if that is enough."""
        known = None if meaning.vector is None else self._known.get(_place(meaning))
        if known is None:
            return None
        self._known.move_to_end(_place(meaning))
        alike: Any = known.matrix[: len(known.keys)] @ meaning.vector
        best = int(alike.argmax())
        found = float(alike[best])
        return (known.keys[best], found) if found >= threshold else None

    def forget(self, meaning: Meaning, key: bytes) -> None:
        """Its answer is gone."""
        known = self._known.get(_place(meaning))
        if known is None or key not in known.rows:
            return
        known.drop(key)
        if not known.keys:
            self.held_bytes -= self._known.pop(_place(meaning)).held_bytes


def _place(meaning: Meaning) -> tuple[bytes, int]:
    return meaning.around, len(meaning.vector)


class _Around:
    """Questions with the same around them. `matrix`: their vectors, a row each in the order of `keys`, and room for
    more. `rows`: of each key, the oldest first."""

    __slots__ = ("keys", "matrix", "rows")

    def __init__(self) -> None:
        self.rows: dict[bytes, int] = {}
        self.keys: list[bytes] = []
        self.matrix: Any = None

    @property
    def held_bytes(self) -> int:
        return 0 if self.matrix is None else self.matrix.nbytes

    def add(self, key: bytes, vector: Any) -> None:
        import numpy

        row = self.rows[key] = len(self.keys)
        self.keys.append(key)
        if self.matrix is None:
            self.matrix = numpy.empty((1, len(vector)), numpy.float32)
        elif row == len(self.matrix):
            # Half as much again: rows that come one by one are copied a few times only.
            self.matrix = numpy.concatenate((self.matrix, numpy.empty_like(self.matrix[: row // 2 + 1])))
        self.matrix[row] = vector

    def drop(self, key: bytes) -> None:
        """The last row takes its place."""
        row, last = self.rows.pop(key), self.keys.pop()
        if last != key:
            self.rows[last], self.keys[row] = row, last
            self.matrix[row] = self.matrix[len(self.keys)]


def why_no_likeness() -> str:
    """Why vectors cannot be compared here; empty: they can."""
    if importlib.util.find_spec("numpy") is None:
        return f"answers by likeness need the extra `semantic`: {installing('semantic')}"
    return ""


def unit(vector: Sequence[float]) -> Any:
    """The vector as one of length 1 (float32), so that a product of two is their cosine. None: it has no direction."""
    import numpy

    made: Any = numpy.asarray(vector, dtype=numpy.float32)
    length = float(numpy.linalg.norm(made))
    return made / length if 0 < length < float("inf") else None


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """0 where one has no direction."""
    one, other = unit(a), unit(b)
    return 0.0 if one is None or other is None else float(one @ other)
