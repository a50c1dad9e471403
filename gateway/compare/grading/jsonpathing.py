"""`json-path`: what stands somewhere in the answer's JSON.

{type: json-path, value: {path: $.queue, equals: fraud}}
{type: json-path, value: {path: "$.items[*].price", min: 0, max: 100, count: 3}}
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from gateway.compare.grading.checks import Look, Wanted
from gateway.compare.grading.grades import Verdict
from gateway.compare.grading.paths import JsonPath
from gateway.compare.grading.sample import NotJson, Sample
from gateway.compare.grading.structured import fault_of
from gateway.compare.grading.texts import pattern_in
from gateway.compare.grading.values import Wrong, clipped, keys, number, one_text, same, text_of

# What is wrong with one value; empty if nothing is.
Condition = Callable[[Any], str]
_KEYS = ("path", "equals", "in", "contains", "regex", "min", "max", "schema", "exists", "count")


def json_path(wanted: Wanted) -> Look:
    """Something is at the path, and every value there meets every condition: `equals`, `in` (one of a list),
    `contains` (a part of a text, or an element of a list), `regex`, `min`, `max`, `schema`. `count`: how many values
    there are; `exists: false`: none is."""
    said = keys(wanted.value, _KEYS)
    path = path_of(said.get("path"), ("value", "path"))
    exists, count = _exists(said), _count(said)
    conditions = _conditions(said)

    def look(sample: Sample) -> Verdict:
        if isinstance(sample.json, NotJson):
            return Verdict(False, 0.0, f"the answer is not JSON: {sample.json.why}")
        found = path.find(sample.json)
        if not exists or not found:
            there = f"{len(found)} values" if found else "nothing"
            return Verdict(bool(found) == exists, float(bool(found) == exists), f"there is {there} at {path.text}")
        if count is not None and len(found) != count:
            return Verdict(False, 0.0, f"there are {len(found)} values at {path.text}, not {count}")
        for value in found:
            for condition in conditions:
                if wrong := condition(value):
                    return Verdict(False, 0.0, f"at {path.text}: {wrong}")
        return Verdict(True, 1.0, f"at {path.text}: {_told(found[0])}")

    return look


def path_of(text: object, place: tuple[str | int, ...]) -> JsonPath:
    """Raises:
    Wrong: it is no JSON path.
    """
    if not isinstance(text, str):
        raise Wrong(place, "expected a JSON path, such as `$.queue`")
    try:
        return JsonPath(text)
    except ValueError as error:
        raise Wrong(place, str(error)) from None


def _exists(said: Mapping[str, Any]) -> bool:
    exists = said.get("exists", True)
    if not isinstance(exists, bool):
        raise Wrong(("value", "exists"), "expected true or false")
    if not exists and len(said) > 2:
        raise Wrong(("value", "exists"), "of what is not there, nothing else can be said")
    return exists


def _count(said: Mapping[str, Any]) -> int | None:
    if "count" not in said:
        return None
    count = number(said["count"], ("value", "count"))
    if count < 1 or count != int(count):
        raise Wrong(("value", "count"), "expected a whole number, 1 or more; for none, say `exists: false`")
    return int(count)


def _conditions(said: Mapping[str, Any]) -> list[Condition]:
    makers: Mapping[str, Callable[[Any], Condition]] = {
        "equals": _equal,
        "in": _among,
        "contains": _containing,
        "regex": _matching,
        "min": lambda bound: _bounded(number(bound, ("value", "min")), least=True),
        "max": lambda bound: _bounded(number(bound, ("value", "max")), least=False),
        "schema": lambda schema: fault_of(schema, ("value", "schema")),
    }
    return [makers[key](value) for key, value in said.items() if key in makers]


def _equal(wanted: Any) -> Condition:
    return lambda value: "" if same(value, wanted) else f"{_told(value)}, not {_told(wanted)}"


def _among(wanted: Any) -> Condition:
    if not isinstance(wanted, list) or not wanted:
        raise Wrong(("value", "in"), "expected a list of values, of which one must stand there")
    values = cast(list[Any], wanted)
    return lambda value: "" if any(same(value, one) for one in values) else f"{_told(value)} is none of {_told(values)}"


def _containing(wanted: Any) -> Condition:
    def condition(value: Any) -> str:
        if isinstance(value, list):
            inside = any(same(one, wanted) for one in cast(list[Any], value))
        else:
            inside = isinstance(value, str) and text_of(wanted) in value
        return "" if inside else f"{_told(value)} does not contain {_told(wanted)}"

    return condition


def _matching(wanted: Any) -> Condition:
    matches = pattern_in(one_text(wanted), ("value", "regex"))
    return lambda value: "" if matches(text_of(value)) else f"{_told(value)} does not match {_told(wanted)}"


def _bounded(bound: float, *, least: bool) -> Condition:
    def condition(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{_told(value)} is no number"
        fits = value >= bound if least else value <= bound
        return "" if fits else f"{_told(value)} is {'less' if least else 'more'} than {bound:g}"

    return condition


def _told(value: Any) -> str:
    return f"`{clipped(text_of(value), 80)}`"
