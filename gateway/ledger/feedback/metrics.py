"""Which metrics there are, and whether a value is one of them: pure."""

import re
from collections.abc import Collection
from typing import Annotated, Any

import msgspec

from gateway.core.feedback import Kind
from gateway.stores.documents import Document
from gateway.stores.wording import nearest

# The metric of whoever names none; it needs no declaration.
DEFAULT = "feedback"
LARGEST = 1e9
_NAME = re.compile("[A-Za-z][A-Za-z0-9_.-]{0,63}").fullmatch
_WORD = re.compile(r"\w[\w.:/+-]{0,63}").fullmatch
_THUMBS = {"up": 1.0, "down": 0.0}
_TAKES: dict[Kind, str] = {
    "thumbs": '"up" or "down"',
    "bool": "true or false",
    "score": "a number",
    "label": "a word",
}
Value = bool | int | float | str


class MetricOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    kind: what its values are. min, max: of a score. labels: the words of a label; none: any word.
    """

    kind: Kind
    min: float | None = None
    max: float | None = None
    labels: tuple[str, ...] = ()


class FeedbackOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    metrics: by name. Where any is declared, no other is taken but `feedback`; where none is, any is.
    requests_per_minute: how much feedback a team may send to one worker. It has a bound of its own, so that it uses up
        nothing of the limits on calls, and what is said of the last call a limit allowed still comes through.
    """

    metrics: dict[str, MetricOptions] = {}
    requests_per_minute: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 600

    def counted_as(self, metric: str) -> str:
        """The metric's name where names have to be few; `_other` for one that nobody declared."""
        return metric if metric == DEFAULT or metric in self.metrics else "_other"


class Unfit(ValueError):
    """Not what the metric takes. `param`: the field at fault."""

    def __init__(self, param: str, why: str) -> None:
        super().__init__(why)
        self.param = param


class Stated(msgspec.Struct, frozen=True):
    """A value as it is kept: see `core/feedback.py`."""

    kind: Kind
    score: float | None
    label: str


def stated(options: FeedbackOptions, metric: str, value: Value) -> Stated:
    """Raises:
    Unfit: there is no such metric, or it does not take this value.
    """
    declared = options.metrics.get(metric)
    if declared is None and options.metrics and metric != DEFAULT:
        known = nearest(metric, [*options.metrics, DEFAULT])
        raise Unfit("metric", f"no metric `{metric[:64]}` is declared here{known}")
    if declared is None and not _NAME(metric):
        said = "a metric is a letter and up to 63 letters, digits, `_`, `.` or `-`"
        raise Unfit("metric", f"`{metric[:64]}` is no name of a metric; {said}")
    found = _stated(value, as_label=declared is not None and declared.kind == "label")
    if declared is not None:
        _check(metric, declared, found)
    return found


def _stated(value: Value, *, as_label: bool) -> Stated:
    if isinstance(value, bool):
        return Stated("bool", float(value), "true" if value else "false")
    if isinstance(value, int | float):
        if not -LARGEST <= value <= LARGEST:
            raise Unfit("value", f"`value` is a number from {-LARGEST:.0f} to {LARGEST:.0f}")
        return Stated("score", float(value), "")
    if value in _THUMBS and not as_label:
        return Stated("thumbs", _THUMBS[value], value)
    if not _WORD(value):
        said = "up to 64 letters, digits, `_`, `.`, `:`, `/`, `+` or `-`"
        raise Unfit("value", f"as a text, `value` is one word ({said}); what people wrote goes into `comment`")
    return Stated("label", None, value)


def _check(metric: str, declared: MetricOptions, found: Stated) -> None:
    if found.kind != declared.kind:
        raise Unfit("value", f"`{metric}` takes {_TAKES[declared.kind]} as its `value`")
    if found.kind == "label" and declared.labels and found.label not in declared.labels:
        known = nearest(found.label, list(declared.labels))
        raise Unfit("value", f"`{metric}` has no label `{found.label}`{known}")
    if found.kind == "score" and found.score is not None:
        low = -LARGEST if declared.min is None else declared.min
        high = LARGEST if declared.max is None else declared.max
        if not low <= found.score <= high:
            raise Unfit("value", f"`{metric}` takes a number from {low:g} to {high:g}, and {found.score:g} is none")


def check_feedback(document: Document[Any], options: FeedbackOptions) -> None:
    """Raises:
    DocumentError: a name that is none, bounds of something that has no bounds, or a word that is none.
    """
    for name, metric in options.metrics.items():
        path = ("feedback", "metrics", name)
        if not _NAME(name):
            raise document.error(
                path, f"`{name}` is no name of a metric: a letter, then letters, digits, `_.-`, 64 in all"
            )
        if metric.kind != "score" and (metric.min is not None or metric.max is not None):
            raise document.error(path, f"`min` and `max` are of scores, and `{name}` takes {_TAKES[metric.kind]}")
        if metric.min is not None and metric.max is not None and metric.min >= metric.max:
            raise document.error((*path, "min"), f"min ({metric.min:g}) is not below max ({metric.max:g})")
        _check_labels(document, path, metric)


def _check_labels(document: Document[Any], path: Collection[str], metric: MetricOptions) -> None:
    if metric.labels and metric.kind != "label":
        raise document.error(
            (*path, "labels"), f"`labels` are of the kind `label`, and this takes {_TAKES[metric.kind]}"
        )
    for index, word in enumerate(metric.labels):
        if not _WORD(word):
            raise document.error((*path, "labels", index), f"`{word}` is not one word of up to 64 letters")
