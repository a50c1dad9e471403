"""Questions that differ in their wording alone: found by likeness, among those that are the same in everything else."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.core.call import Call

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
    """The questions whose answers are kept, in this process. `max_questions`: of all together; those around which the
    longest nothing was asked go first. `max_around`: of those that have the same around them."""

    def __init__(self, max_questions: int = 10_000, max_around: int = 1_000) -> None:
        self._most = max_questions
        self._most_around = max_around
        self._known: OrderedDict[bytes, _Around] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, meaning: Meaning, key: bytes) -> None:
        """`key`: of its answer. A question that has no vector cannot be found again."""
        if meaning.vector is None:
            return
        known = self._known.setdefault(meaning.around, _Around())
        self._known.move_to_end(meaning.around)
        if key in known.vectors:
            return
        known.vectors[key] = meaning.vector
        known.matrix = None
        self._count += 1
        if len(known.vectors) > self._most_around:
            self.forget(meaning, next(iter(known.vectors)))
        while self._count > self._most:
            self._count -= len(self._known.popitem(last=False)[1].vectors)

    def nearest(self, meaning: Meaning, threshold: float) -> tuple[bytes, float] | None:
        """The key of the answer to the question most alike, and how alike it is, if that is enough."""
        known = self._known.get(meaning.around)
        if known is None or meaning.vector is None or not known.vectors:
            return None
        import numpy

        self._known.move_to_end(meaning.around)
        if known.matrix is None:
            known.keys, known.matrix = list(known.vectors), numpy.stack(list(known.vectors.values()))
        alike: Any = known.matrix @ meaning.vector
        best = int(alike.argmax())
        found = float(alike[best])
        return (known.keys[best], found) if found >= threshold else None

    def forget(self, meaning: Meaning, key: bytes) -> None:
        """Its answer is gone."""
        known = self._known.get(meaning.around)
        if known is not None and known.vectors.pop(key, None) is not None:
            known.matrix = None
            self._count -= 1


class _Around:
    """Questions with the same around them. `matrix`: their vectors, a row each in the order of `keys`, until one comes
    or goes."""

    __slots__ = ("keys", "matrix", "vectors")

    def __init__(self) -> None:
        self.vectors: dict[bytes, Any] = {}
        self.keys: list[bytes] = []
        self.matrix: Any = None


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
