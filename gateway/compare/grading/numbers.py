"""`numeric`: a number in an answer, near enough to the one that is expected.

{type: numeric, value: 42}
{type: numeric, value: {equals: 3.14159, relative: 0.001, take: last}}
{type: numeric, value: {min: 0, max: 100}}
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from gateway.compare.grading.checks import Look, Wanted
from gateway.compare.grading.grades import Verdict
from gateway.compare.grading.sample import Sample
from gateway.compare.grading.values import Wrong, clipped, keys, number, text_of

MAX_NUMBERS = 1_000
# 1,234,567.8 (with commas or narrow blanks in threes), 1234.5, .5, 1e-6; minus as a hyphen or as typographers write it.
# Letters and digits before one make it a part of a name (`GPT4`), a date or a version.
_NUMBER = re.compile(
    r"(?<![\w.,/-])(?<![0-9][:\u2009\u202f])[-+−]?"
    r"(?:[0-9]{1,3}(?:[,\u2009\u202f][0-9]{3}){1,12}(?:\.[0-9]{1,40})?|[0-9]{1,40}(?:\.[0-9]{1,40})?|\.[0-9]{1,40})"
    r"(?:[eE][-+]?[0-9]{1,3})?(?![\w/]|[.,:-][0-9])"
)
_TO_DROP = str.maketrans({",": "", "\u2009": "", "\u202f": "", "−": "-"})
_KEYS = ("equals", "min", "max", "absolute", "relative", "take")
_TAKE = ("only", "first", "last")


class Found(msgspec.Struct, frozen=True):
    """A number, or why none was taken."""

    number: Decimal | None
    why: str = ""


def numbers_in(text: str) -> list[Decimal]:
    """The numbers that stand in the text, as far as the first thousand. English style: a comma groups, a point divides;
    what could be read either way as `1.234,5` is none."""
    found: list[Decimal] = []
    for match in _NUMBER.finditer(text):
        found.append(Decimal(match[0].translate(_TO_DROP)))
        if len(found) == MAX_NUMBERS:
            break
    return found


def numeric(wanted: Wanted) -> Look:
    """The answer's number is `equals`, give or take `absolute` or `relative` (a share of the expected one; the wider
    of both counts), or lies from `min` to `max`. `take`: which of several numbers, `first` or `last`; otherwise
    (`only`) there must not be several."""
    value: Any = wanted.value
    said = dict(keys(value, _KEYS)) if isinstance(value, dict) else {"equals": value}
    take = said.pop("take", "only")
    if take not in _TAKE:
        raise Wrong(("value", "take"), f"`{text_of(take)}` is not a word for this; known: {', '.join(_TAKE)}")
    fits, told = _condition({key: _exact(value, key) for key, value in said.items()})

    def look(sample: Sample) -> Verdict:
        found = _taken(sample.text, take)
        if found.number is None:
            return Verdict(False, 0.0, found.why)
        good = fits(found.number)
        return Verdict(
            good, float(good), f"the number is {found.number}; expected {told}", measured=float(found.number)
        )

    return look


def _condition(said: dict[str, Decimal]) -> tuple[Callable[[Decimal], bool], str]:
    least, most = said.get("min"), said.get("max")
    if "equals" in said:
        if least is not None or most is not None:
            raise Wrong(("value", "equals"), "either `equals` with a tolerance, or `min` and `max`")
        middle = said["equals"]
        width = max(said.get("absolute", Decimal(0)), said.get("relative", Decimal(0)) * abs(middle))
        return (lambda found: abs(found - middle) <= width), f"{middle}" + (
            f" ± {width.normalize():f}" if width else ""
        )
    if "absolute" in said or "relative" in said:
        raise Wrong(("value",), "a tolerance needs to know `equals`")
    if least is None and most is None:
        raise Wrong(("value",), "needs `equals`, `min` or `max`")
    if least is not None and most is not None and least > most:
        raise Wrong(("value", "min"), f"`min` {least} is more than `max` {most}")

    def fits(found: Decimal) -> bool:
        return (least is None or found >= least) and (most is None or found <= most)

    return fits, " and ".join([f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None))


def _exact(value: Any, key: str) -> Decimal:
    if isinstance(value, str) and len(found := numbers_in(value)) == 1:
        exact = found[0]
    else:
        exact = Decimal(repr(number(value, ("value", key))))
    if key in ("absolute", "relative") and exact < 0:
        raise Wrong(("value", key), "a tolerance is 0 or more")
    return exact


def _taken(text: str, take: str) -> Found:
    found = numbers_in(text)
    if not found:
        return Found(None, "there is no number in the answer")
    if take == "only" and len(set(found)) > 1:
        listed = clipped(", ".join(map(str, found)), 80)
        return Found(None, f"there are several numbers in the answer ({listed}); say `take: first` or `take: last`")
    return Found(found[-1] if take == "last" else found[0])
