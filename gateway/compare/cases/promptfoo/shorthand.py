"""Assertions as one text, as CSV files have them in `__expected`: `type:value`, `type(threshold):value`, `not-type:…`,
`grade:…`; a text without a type is the whole answer
(https://www.promptfoo.dev/docs/configuration/expected-outputs/#assertion-string-syntax)."""

import re
from typing import Any

from gateway.compare.grading.making import ASKS, LOOKS
from gateway.compare.grading.names import ALIASES, NAMES, NOT, REFUSED, plain_name
from gateway.compare.grading.values import Wrong
from gateway.stores.documents import open_document
from gateway.stores.jsonvalues import as_json
from gateway.stores.yamltree import DocumentError

_TYPES = "|".join(sorted(map(re.escape, {*NAMES, *ALIASES, *REFUSED}), key=len, reverse=True))
_SHORT = re.compile(rf"({NOT})?({_TYPES})(?:\(\s*(\d{{1,15}}(?:\.\d{{1,15}})?)\s*\))?(?::(.*))?", re.DOTALL)
_CODE = ("fn:", "eval:")
_FILE = "file://"
_JSON = ("is-json", "contains-json")
# promptfoo's of texts in tables; elsewhere it is 0.75.
_SIMILAR = 0.8


def assertion_of(text: str) -> dict[str, Any]:
    """The assertion, as files write it out.

    Raises:
        Wrong: it is JavaScript, or its schema cannot be read.
    """
    if text.startswith(_CODE):
        raise Wrong((), f"is JavaScript: {REFUSED['javascript']}")
    if text.startswith(_FILE):
        name = text.removeprefix(_FILE)
        if ".py" in name:
            return {"type": "python", "value": text}
        raise Wrong((), "is an assertion in a file; only python's are understood")
    found = _SHORT.fullmatch(text.strip())
    if found is None:
        return {"type": "equals", "value": text}
    negation, word, threshold, value = found.groups()
    made: dict[str, Any] = {"type": (negation or "") + word}
    name, _ = plain_name(word)
    if threshold is not None:
        made["threshold"] = float(threshold)
    elif name == "similar":
        made["threshold"] = _SIMILAR
    if value is not None and value.strip():
        made["value"] = _schema(value) if name in _JSON else value.strip()
    return _without_nonsense(made, name)


def _without_nonsense(made: dict[str, Any], name: str) -> dict[str, Any]:
    """promptfoo gives a threshold to some that have none, and reads the value of those that have none."""
    kind = LOOKS.get(name) or ASKS.get(name)
    if kind is not None and not kind.threshold:
        made.pop("threshold", None)
    if kind is not None and (kind.value == "none" or kind.figure):
        made.pop("value", None)
    return made


def _schema(text: str) -> Any:
    try:
        return as_json(open_document(text.encode(), "the schema", dict[str, Any]).value)
    except DocumentError as error:
        raise Wrong((), f"its schema cannot be read: {error.reason}") from None
