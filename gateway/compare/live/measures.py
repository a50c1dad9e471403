"""What is measured of live calls, by name, and how much worse is not worse."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.stores.wording import nearest

Kind = Literal["share", "score", "amount"]
# What a call is worth by one measure after the other; None: it says nothing of that one.
Values = tuple[float | None, ...]


class Measure(msgspec.Struct, frozen=True):
    """Attributes:
    kind: `share`: 0 or 1 a call; `score`: within `bounds`; `amount`: 0 or more, without a greatest.
    allowance: of the primary metric the margin, of a guard what it allows: how much worse is not worse. In the metric's
        own unit; of an amount as a part of the base's: 0.1 is a tenth more.
    field: what of a call it is read from; `feedback`: of what was said of it, by the metric's name.
    """

    name: str
    field: str
    kind: Kind = "share"
    higher_is_better: bool = True
    allowance: float = 0.02
    bounds: tuple[float, float] = (0.0, 1.0)


# Seconds for times, nano-units for costs. Amounts are the less the better.
BUILT_IN: Mapping[str, Measure] = {
    one.name: one
    for one in (
        Measure("success", "success"),
        Measure("error_rate", "error", higher_is_better=False),
        Measure("refusals", "refusal", higher_is_better=False),
        Measure("latency", "latency", "amount", higher_is_better=False, allowance=0.2),
        Measure("ttft", "ttft", "amount", higher_is_better=False, allowance=0.2),
        Measure("cost", "cost", "amount", higher_is_better=False, allowance=0.2),
    )
}
THUMBS = "thumbs"
MARGINS: Mapping[Kind, float] = {"share": 0.02, "score": 0.02, "amount": 0.05}


class Scored(msgspec.Struct, frozen=True):
    """A metric of feedback that was declared. `bounds`: of its scores; None of thumbs, and of true and false."""

    bounds: tuple[float, float] | None = None


def measure_of(name: str, declared: Mapping[str, Scored], allowance: float | None, *, primary: bool) -> Measure:
    """The metric of that name: one of ours, `thumbs`, or one of feedback.

    Args:
        declared: metrics of feedback as config.yaml has them. allowance: None: the usual one.

    Raises:
        ValueError: there is none, or its allowance is none.
    """
    found = BUILT_IN.get(name)
    if found is None:
        scored = Scored() if name == THUMBS else declared.get(name)
        if scored is None:
            known = [*BUILT_IN, THUMBS, *declared]
            said = nearest(name, known) or f"; known: {', '.join(known)}"
            raise ValueError(f"there is no metric `{name}`{said}")
        low, high = scored.bounds or (0.0, 1.0)
        kind: Kind = "share" if scored.bounds is None else "score"
        found = Measure(name, "feedback", kind, allowance=MARGINS[kind] * (high - low), bounds=(low, high))
    given = allowance if allowance is not None else MARGINS[found.kind] if primary else found.allowance
    if allowance is None and found.kind == "score":
        given = found.allowance
    most = 10.0 if found.kind == "amount" else found.bounds[1] - found.bounds[0]
    if not 0.0 <= given < most:
        raise ValueError(f"`{name}` may be worse by 0 or more, and by less than {most:g}; {given:g} is not that")
    return msgspec.structs.replace(found, allowance=given)
