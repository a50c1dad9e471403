"""Assertions about the tools that an answer calls.

Their form is that of promptfoo's `trajectory:tool-args-match`, about an answer's own calls instead of a trace:

    {type: tool-call, value: get_weather}
    {type: tool-call, value: {name: get_weather, args: {city: Paris}, mode: exact, ignore: [request_id]}}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.compare.grading.checks import Look, Wanted
from gateway.compare.grading.grades import Ungradable, Verdict
from gateway.compare.grading.sample import NotJson, Sample, ToolCall, decoded
from gateway.compare.grading.structured import Fault, fault_of
from gateway.compare.grading.values import Wrong, clipped, keys, same, share, shown, text_of, texts
from gateway.core.globs import compile_globs

_KEYS = ("name", "pattern", "args", "arguments", "mode", "defaults", "ignore")


def tool_call(wanted: Wanted) -> Look:
    """One of the answer's calls is to this tool (`name`, or `pattern` with `*`), with these `args`: as a part of its
    own (`mode: partial`), or exactly. `defaults`: arguments that may be left out or have this value; `ignore`: names,
    or patterns of them, that are not looked at."""
    if isinstance(wanted.value, str):
        return _called(wanted.value, frozenset({wanted.value}).__contains__, lambda _: "")
    said = keys(wanted.value, _KEYS)
    if ("name" in said) == ("pattern" in said):
        raise Wrong(("value",), "say the tool's `name`, or a `pattern` of it")
    name = said.get("name", said.get("pattern"))
    if not isinstance(name, str) or not name:
        raise Wrong(("value", "name" if "name" in said else "pattern"), "expected the name of a tool")
    fits = compile_globs([name]) if "pattern" in said else frozenset({name}).__contains__
    return _called(name, fits, _arguments(said))


def _called(name: str, fits: Callable[[str], bool], fault: Callable[[Mapping[str, Any]], str]) -> Look:
    def look(sample: Sample) -> Verdict:
        why = f"the answer calls {_names(sample.tool_calls)}, not {name}"
        for call in sample.tool_calls:
            if not fits(call.name):
                continue
            arguments = decoded(call.arguments or "{}")
            if not isinstance(arguments, dict):
                wrong = f"its arguments are {'not JSON' if isinstance(arguments, NotJson) else 'no object'}"
            else:
                wrong = fault(cast(dict[str, Any], arguments))
            if not wrong:
                return Verdict(True, 1.0, f"the answer calls {call.name} with {shown(call.arguments)}")
            why = f"the answer calls {call.name}, but {wrong}"
        return Verdict(False, 0.0, why)

    return look


def _arguments(said: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], str]:
    if "args" in said and "arguments" in said:
        raise Wrong(("value", "arguments"), "`args` and `arguments` are the same; say it once")
    key = "arguments" if "arguments" in said else "args"
    expected, defaults = _mapping(said, key), _mapping(said, "defaults")
    mode = said.get("mode", "partial")
    if mode not in ("partial", "exact"):
        raise Wrong(("value", "mode"), f"`{text_of(mode)}` is not a word for this; known: partial, exact")
    ignored = compile_globs(texts(said["ignore"]) if "ignore" in said else ())
    wanted = {name: value for name, value in expected.items() if not ignored(name)}

    def fault(arguments: Mapping[str, Any]) -> str:
        found = {
            name: value
            for name, value in arguments.items()
            if not ignored(name) and not (name in defaults and same(value, defaults[name]))
        }
        fits = same(found, wanted) if mode == "exact" else holds(found, wanted)
        return "" if fits else f"with {shown(text_of(found))}, not {shown(text_of(wanted))}"

    return fault


def holds(found: Any, wanted: Any) -> bool:
    """Whether everything wanted is in what was found; mappings may have more, at any depth."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        mine = cast(dict[str, Any], found)
        return all(name in mine and holds(mine[name], one) for name, one in cast(dict[str, Any], wanted).items())
    return same(found, wanted)


def _mapping(said: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = said.get(key, {})
    if not isinstance(value, dict):
        raise Wrong(("value", key), "expected a mapping (lines of `name: value`)")
    return cast(dict[str, Any], value)


def tool_call_f1(wanted: Wanted) -> Look:
    """F1 of the set of tools that the answer calls against those expected; passes from `threshold`, 1 if not said."""
    expected = frozenset(texts(wanted.value))
    threshold = share(wanted.threshold, 1.0)

    def look(sample: Sample) -> Verdict:
        called = {call.name for call in sample.tool_calls}
        both = len(called & expected)
        score = 2 * both / (len(called) + len(expected))
        told = f"F1 {score:.3f}: the answer calls {_names(sample.tool_calls)}; expected {', '.join(sorted(expected))}"
        return Verdict(score >= threshold, score, clipped(told, 300), measured=score)

    return look


def is_valid_openai_tools_call(wanted: Wanted) -> Look:
    """The answer calls tools, each one of those in `value` (or, without a value, of those its request offered), with
    arguments of that tool's schema."""
    known = None if wanted.value is msgspec.UNSET else faults_of(wanted.value)

    def look(sample: Sample) -> Verdict:
        faults = known if known is not None else _offered(sample)
        if not sample.tool_calls:
            return Verdict(False, 0.0, "the answer calls no tool")
        for call in sample.tool_calls:
            if call.name not in faults:
                return Verdict(False, 0.0, f"the answer calls {shown(call.name)}, which is none of its tools")
            arguments = decoded(call.arguments or "{}")
            if isinstance(arguments, NotJson):
                return Verdict(False, 0.0, f"the arguments of {call.name} are not JSON: {arguments.why}")
            if wrong := faults[call.name](arguments):
                return Verdict(False, 0.0, f"the arguments of {call.name} are not of its schema, {wrong}")
        return Verdict(True, 1.0, f"the answer calls {_names(sample.tool_calls)}, as their schemas want it")

    return look


def faults_of(tools: object) -> Mapping[str, Fault]:
    """What is wrong with arguments, for each of a request's tools.

    Raises:
        Wrong: they are not tools as OpenAI's chat requests have them.
    """
    if not isinstance(tools, list) or not tools:
        raise Wrong(("value",), "expected a list of tools, as requests have them")
    found: dict[str, Fault] = {}
    for index, tool in enumerate(cast(list[Any], tools)):
        place = ("value", index)
        outer = cast(dict[str, Any], tool) if isinstance(tool, dict) else {}
        function = outer.get("function", outer)
        inner = cast(dict[str, Any], function) if isinstance(function, dict) else {}
        name = inner.get("name")
        if not isinstance(name, str) or not name:
            raise Wrong(place, "expected `{type: function, function: {name: …, parameters: …}}`")
        found[name] = fault_of(inner.get("parameters", {}), (*place, "function", "parameters"))
    return found


def _offered(sample: Sample) -> Mapping[str, Fault]:
    if not sample.tools:
        raise Ungradable("no tools to compare with: neither the assertion's value nor the request has any")
    try:
        return faults_of(list(sample.tools))
    except Wrong as error:
        raise Ungradable(f"the request's tools cannot be read: {error.reason}") from None


def _names(calls: Sequence[ToolCall]) -> str:
    return clipped(", ".join(call.name for call in calls)) or "no tool"
