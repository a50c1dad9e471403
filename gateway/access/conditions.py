"""`when:` conditions in CEL (https://cel.dev), compiled and type-checked when the rules are loaded.

CEL always ends, has no side effects, and its regular expressions are RE2's. The compiler is the extra `cel`; a rule
with a condition is refused where it is missing, because a rule that is left out could open a door.
"""

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from gateway.core.extras import installing
from gateway.core.model import Attributes, Model
from gateway.core.principal import Principal
from gateway.stores.wording import nearest

# What is not known counts against the model: kept for ever, trained on.
UNKNOWN_RETENTION_DAYS = 2**53
# Variable → type. `stores/documents` has no part in this: a condition is text until it is compiled here.
VARIABLES: Mapping[str, str] = {
    "subject.tenant": "string",
    "subject.team": "string",
    "subject.environment": "string",
    "subject.labels": "map(string, string)",
    "subject.claims": "map(string, list(string))",
    "model.name": "string",
    "model.provider": "string",
    "model.publisher": "string",
    "model.hosting": "string",
    "model.region": "string",
    "model.licence": "string",
    "model.licence_class": "string",
    "model.risk": "string",
    "model.status": "string",
    "model.retention_days": "int",
    "model.trains_on_inputs": "bool",
    "model.context_tokens": "int",
    "model.residency": "list(string)",
    "model.missing": "list(string)",
    "request.operation": "string",
    "request.data_class": "string",
    "request.data_level": "int",
    "request.stream": "bool",
    "request.max_output_tokens": "int",
    "request.tools": "bool",
    "request.hosted_tools": "list(string)",
    "request.prompt": "string",
}
_VARIABLE = re.compile(r"\b(subject|model|request|budget)\s*\.\s*(\w+)")
# `request.data_class >= 'confidential'` would compare letters.
_ORDERED = re.compile(r"request\s*\.\s*data_class\s*[<>]|[<>]=?\s*request\s*\.\s*data_class\b")
_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")
_CEL_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


class ConditionError(Exception):
    """A condition that cannot be compiled, or evaluated."""


Evaluate = Callable[[Mapping[str, Any]], bool]


class Condition:
    """A compiled condition.

    Attributes:
        names: the variables that it may look at.
        fields: the request's own fields among them; without any, its value is the same for all requests.
    """

    def __init__(self, text: str, evaluate: Evaluate, variables: Collection[str] = VARIABLES) -> None:
        self.text = text
        self._evaluate = evaluate
        # Handing a value over costs more than looking at it, so only those are handed over whose names stand there.
        self.names = tuple({f"{who}.{what}" for who, what in _VARIABLE.findall(text)} & set(variables))
        own = {name.removeprefix("request.") for name in self.names}
        self.fields = frozenset(own & set(Attributes.__struct_fields__) - {"data_class"})

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Raises:
        ConditionError: it cannot be evaluated for these values.
        """
        return self._evaluate({name: values[name] for name in self.names})


class Compiler:
    """Compiles conditions of one set of rules; the same text once. `variables`: what they may look at."""

    def __init__(self, variables: Mapping[str, str] = VARIABLES) -> None:
        self._variables = variables
        self._env: Any = None
        self._compiled: dict[str, Condition] = {}

    def compile(self, text: str) -> Condition:
        """Raises:
        ConditionError: it is not CEL, names what is not there, has a wrong type, or CEL is not installed.
        """
        found = self._compiled.get(text)
        if found is None:
            found = self._compiled[text] = Condition(text, self._evaluator(text), self._variables)
        return found

    def _evaluator(self, text: str) -> Evaluate:
        if _ORDERED.search(text):
            raise ConditionError("classes of data are words without an order; compare `request.data_level`")
        try:
            from cel_expr_python import cel
        except ImportError:
            raise ConditionError(f"conditions need the extra `cel`: {installing('cel')}") from None
        if self._env is None:
            self._env = cel.NewEnv(variables={name: _type(cel.Type, kind) for name, kind in self._variables.items()})
        try:
            expression = self._env.compile(text)
        except (RuntimeError, ValueError) as error:
            raise ConditionError(_said(str(error)) + self._hint(str(error))) from None
        if expression.return_type() != cel.Type.BOOL:
            kind = str(expression.return_type()).lower()
            raise ConditionError(f"a condition is true or false, and this one is of the type {kind}")

        def evaluate(values: Mapping[str, Any]) -> bool:
            try:
                value = expression.eval(data=values).value()
            except Exception as error:  # noqa: BLE001  the border to a foreign library: whatever it is, it opens nothing
                raise ConditionError(_said(str(error))) from None
            if value is True or value is False:
                return value
            raise ConditionError(_said(str(value)))

        return evaluate

    def _hint(self, problem: str) -> str:
        """What is meant, where that can be told; begins with a semicolon."""
        if "token recognition error at: '=" in problem:
            return "; two values are compared by `==`"
        found = _UNDECLARED.search(problem)
        if found is None:
            return ""
        root, _, field = found[1].partition(".")
        beside = [name for name in sorted(self._variables) if name.startswith(f"{root}.")]
        if not beside:
            return nearest(found[1], sorted(self._variables))
        # Their common beginning would make any two of them look alike.
        close = get_close_matches(field, [name.removeprefix(f"{root}.") for name in beside], n=1)
        return f"; did you mean `{root}.{close[0]}`?" if close else f"; known: {', '.join(beside)}"


def subject_values(principal: Principal) -> dict[str, Any]:
    """What a condition sees of the caller."""
    return {
        "subject.tenant": principal.tenant,
        "subject.team": principal.team,
        "subject.environment": principal.environment,
        "subject.labels": dict(principal.labels),
        "subject.claims": {name: list(words) for name, words in principal.claims.items()},
    }


def model_values(model: Model, now: float) -> dict[str, Any]:
    """What a condition sees of the model."""
    return {
        "model.name": model.name,
        "model.provider": model.provider,
        "model.publisher": model.publisher,
        "model.hosting": model.hosting,
        "model.region": model.region,
        "model.licence": model.licence,
        "model.licence_class": model.licence_class or "",
        "model.risk": model.risk or "",
        "model.status": model.life.status(now),
        "model.retention_days": UNKNOWN_RETENTION_DAYS if model.retention_days is None else model.retention_days,
        "model.trains_on_inputs": model.trains_on_inputs is not False,
        "model.context_tokens": model.context_tokens or 0,
        "model.residency": list(model.residency),
        "model.missing": list(model.missing),
    }


def request_values(operation: str, attributes: Attributes, data_level: int) -> dict[str, Any]:
    """What a condition sees of the request. `data_level`: the classification's place, 0 for the lowest."""
    return {
        "request.operation": operation,
        "request.data_class": attributes.data_class,
        "request.data_level": data_level,
        "request.stream": attributes.stream,
        "request.max_output_tokens": attributes.max_output_tokens,
        "request.tools": attributes.tools,
        "request.hosted_tools": list(attributes.hosted_tools),
        "request.prompt": attributes.prompt,
    }


def _type(types: Any, kind: str) -> Any:
    words = {"string": types.STRING, "int": types.INT, "bool": types.BOOL}
    if kind.startswith("list("):
        return types.List(_type(types, kind[5:-1]))
    if kind.startswith("map("):
        key, _, value = kind[4:-1].partition(", ")
        return types.Map(_type(types, key), _type(types, value))
    return words[kind]


def _said(text: str) -> str:
    """The compiler's or the evaluator's message, in one line."""
    found = _CEL_ERROR.search(text)
    if found is None:
        return text.partition("\n")[0].strip()
    _, column, reason = found.groups()
    return f"column {column}: {reason.replace(' (in container ' + repr('') + ')', '')}"
