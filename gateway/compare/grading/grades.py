"""What is said of an answer."""

import msgspec


class Ungradable(Exception):
    """Nobody can say whether the assertion holds: the judge gave no grade, a figure is not known. Says why.
    `cost_nano`: what was spent in vain."""

    def __init__(self, reason: str, cost_nano: int = 0) -> None:
        super().__init__(reason)
        self.cost_nano = cost_nano


class Unmet(Exception):
    """The answer has not got what the assertion is about: it fails, and so does its negation. Says what is missing."""


class Verdict(msgspec.Struct, frozen=True):
    """What was found, before `not-`.

    Attributes:
        score: 0 to 1. reason: what is so, in words that are true with and without `not-`.
        measured: the figure behind the score, where there is one, in the assertion's own unit.
        named: further figures, by name; the empty name is the assertion's metric.
    """

    passed: bool
    score: float
    reason: str
    measured: float | None = None
    named: dict[str, float] = {}
    cost_nano: int = 0
    by: "JudgedBy | None" = None


class JudgedBy(msgspec.Struct, frozen=True):
    """Whose opinion a grade is; a judge with another model or another prompt is another judge.

    Attributes:
        judge: its name. model: as it was asked for. answered: the model that answered, as its answer says.
        prompt: `sha256:…` of the words it is asked with, before anything is put in.
    """

    judge: str
    model: str
    prompt: str
    answered: str = ""


class Grade(msgspec.Struct, frozen=True, kw_only=True, rename={"passed": "pass"}):
    """One assertion's result.

    Attributes:
        passed: as promptfoo has it: always of weight 0, never of an error. met: whether it holds, whatever it weighs.
        score: 0 to 1. reason: what was found. kind: the assertion's type, `not-` included.
        error: why it could not be graded; empty if it was.
        cost_nano: of asking whoever was asked, in nano-units of the price book's currency.
        named: figures by name → (value, weight): the assertion's metric is not among them.
        parts: of an assert-set.
    """

    passed: bool
    met: bool
    score: float
    reason: str
    kind: str
    metric: str = ""
    weight: float = 1.0
    error: str = ""
    cost_nano: int = 0
    measured: float | None = None
    by: JudgedBy | None = None
    named: dict[str, tuple[float, float]] = {}
    parts: tuple["Grade", ...] = ()
