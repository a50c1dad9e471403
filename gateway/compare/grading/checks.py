"""An assertion that has been understood."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from gateway.compare.grading.grades import JudgedBy, Verdict
from gateway.compare.grading.judging.judges import Judge, Outside
from gateway.compare.grading.paths import JsonPath
from gateway.compare.grading.sample import Sample

# Raises Ungradable and Unmet.
Look = Callable[[Sample], Verdict]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to grade, and whom to ask about it.

    Attributes:
        question: what was asked, as judges are shown it. context: what python's `context` holds besides the answer's
            own figures: `vars`, `test`.
    """

    sample: Sample
    outside: Outside
    question: str = ""
    context: Mapping[str, Any] = {}


Asking = Callable[[Asked], Awaitable[Verdict]]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An assertion with its variables put in. `value`: msgspec.UNSET if it has none. `read`: the text of a file that
    it names."""

    name: str
    value: Any = msgspec.UNSET
    threshold: float | None = None
    config: Mapping[str, Any] = {}
    judge: Judge | None = None
    read: Callable[[str], str] | None = None


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """What answers are compared by. `criteria`: of the better one."""

    criteria: str
    judge: Judge


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with an answer: one of `looks`, `asks`, `contest` and `parts`.

    Attributes:
        kind: the type, `not-` included; an alias is the word that it stands for. path: what of the answer is looked at.
        keeps_score: `not-` turns the verdict round, not the score.
        threshold: of a set: the score from which it passes.
        by: who judges, if a model does.
        expected: a text that an answer may be, or hold, to meet it; empty: it names none.
    """

    kind: str
    negated: bool = False
    weight: float = 1.0
    metric: str = ""
    looks: Look | None = None
    asks: Asking | None = None
    contest: Contest | None = None
    parts: tuple["Check", ...] = ()
    path: JsonPath | None = None
    keeps_score: bool = False
    threshold: float | None = None
    by: JudgedBy | None = None
    expected: str = ""

    @property
    def at_once(self) -> bool:
        """Nobody needs to be asked."""
        return self.looks is not None or (bool(self.parts) and all(part.at_once for part in self.parts))
