"""Assertions about an answer's form: JSON, XML, HTML."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.compare.grading.checks import Look, Wanted
from gateway.compare.grading.grades import Verdict
from gateway.compare.grading.jsonfinding import json_values
from gateway.compare.grading.markup import html_fault, xml_fault
from gateway.compare.grading.sample import NotJson, Sample
from gateway.compare.grading.values import Wrong, clipped, keys, texts
from gateway.core.extras import installing
from gateway.guard.detectors.json_schema import validator_of
from gateway.guard.detectors.matching import MissingExtra

_UNREADABLE = "it is nested too deeply, or half a character stands in it"
Fault = Callable[[Any], str]


def fault_of(schema: object, path: tuple[str | int, ...]) -> Fault:
    """What is wrong with a value by a JSON schema; empty if nothing is.

    Raises:
        Wrong: the schema is none, or no validator is installed.
    """
    if not isinstance(schema, dict | bool):
        raise Wrong(path, "expected a JSON schema: a mapping such as `type: object`")
    try:
        validator = validator_of(schema)
    except ValueError as error:
        raise Wrong(path, str(error)) from None
    except MissingExtra:
        raise Wrong(path, f"JSON schemas need the extra `guards`: {installing('guards')}") from None

    def fault(value: Any) -> str:
        try:
            if validator.is_valid(value):
                return ""
            error = next(validator.iter_errors(value), None)
        except ValueError:  # deeper than the validator looks, or a surrogate without its other half
            return _UNREADABLE
        if error is None:
            return ""
        return f"at /{'/'.join(map(str, error.instance_path))}: {clipped(error.message, 200)}"

    return fault


def is_json(wanted: Wanted) -> Look:
    """The whole answer is JSON, of the schema if there is one."""
    fault = None if wanted.value is msgspec.UNSET else fault_of(wanted.value, ("value",))
    yes = Verdict(True, 1.0, "the answer is JSON" + (" of the schema" if fault else ""))

    def look(sample: Sample) -> Verdict:
        if isinstance(sample.json, NotJson):
            return Verdict(False, 0.0, f"the answer is not JSON: {sample.json.why}")
        wrong = fault(sample.json) if fault else ""
        return Verdict(False, 0.0, f"the answer's JSON is not of the schema, {wrong}") if wrong else yes

    return look


def contains_json(wanted: Wanted) -> Look:
    """There is an object or a list in the answer, one of the schema if there is one."""
    fault = None if wanted.value is msgspec.UNSET else fault_of(wanted.value, ("value",))
    yes = Verdict(True, 1.0, "the answer contains JSON" + (" of the schema" if fault else ""))

    def look(sample: Sample) -> Verdict:
        why = "the answer contains no JSON"
        for value in json_values(sample.text):
            wrong = fault(value) if fault else ""
            if not wrong:
                return yes
            why = f"JSON in the answer is not of the schema, {wrong}"
        return Verdict(False, 0.0, why)

    return look


def is_xml(wanted: Wanted) -> Look:
    """The whole answer is a well-formed document without a DTD; `requiredElements`: paths from its root, as `a.b`."""
    required: tuple[str, ...] = ()
    if wanted.value is not msgspec.UNSET:
        named: Mapping[str, Any] = keys(wanted.value, ("requiredElements",))
        required = texts(named.get("requiredElements"))
    return _without_fault(lambda text: xml_fault(text, required), "XML")


def is_html(wanted: Wanted) -> Look:  # noqa: ARG001
    """The whole answer is elements of HTML, closed as HTML wants it, and nothing stands beside them."""
    return _without_fault(html_fault, "HTML")


def _without_fault(fault: Callable[[str], str], what: str) -> Look:
    yes = Verdict(True, 1.0, f"the answer is {what}")

    def look(sample: Sample) -> Verdict:
        wrong = fault(sample.text)
        return Verdict(False, 0.0, f"the answer is not {what}: {wrong}") if wrong else yes

    return look
