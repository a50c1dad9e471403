"""An assertion as files have it."""

from typing import Annotated, Any

import msgspec

from gateway.compare.grading.names import ALIASES, NOT, REFUSED, WORDS, plain_name
from gateway.stores.wording import nearest

# An alias is promptfoo's other name for the same.
ALL_WORDS = (*WORDS, *ALIASES, *(NOT + name for name in ALIASES))
Type = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(ALL_WORDS)})]


class Assertion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that an answer must be; with `not-` before it, must not be.

    Attributes:
        type: what is looked at, in promptfoo's words.
        value: what is expected; its form depends on the type. `{{name}}` in its texts is the case's variable.
        threshold: from which score it passes; of cost, latency, tokens and levenshtein the most that passes.
        weight: how much it counts beside the others; 0: it is shown, and fails nothing.
        metric: the name under which scores are added up.
        transform: a JSON path such as `$.queue`: what of the answer is looked at.
        judge: NAME of the file's judges, of those that ask a model.
        rubric: NAME of the file's rubrics, instead of a value.
        config: what else a type takes.
        assert: of an assert-set: its members.
    """

    type: Type
    value: Any = msgspec.UNSET
    threshold: float | None = None
    weight: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 1.0
    metric: str = ""
    transform: str = ""
    judge: str = ""
    rubric: str = ""
    config: dict[str, Any] = {}
    asserts: tuple["Assertion", ...] = msgspec.field(default=(), name="assert")

    def __post_init__(self) -> None:
        if self.type in ALL_WORDS:
            return
        name, _ = plain_name(self.type)
        if name in REFUSED:
            raise ValueError(f"`{self.type}` is not a word for this: {REFUSED[name]}")
        raise ValueError(f"`{self.type}` is not a word for this{nearest(self.type, list(WORDS))}")
