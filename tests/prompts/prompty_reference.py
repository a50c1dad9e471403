"""What Prompty itself would send: jinja2 as its runtime sets it up, and the rules of its specification for what is
rendered (github.com/microsoft/prompty, spec/spec.md, sections 5 and 6; runtime/python/prompty/prompty/renderers)."""

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

_BOUNDARY = re.compile(r'(?i)^\s*#?\s*(system|user|assistant)(\[(\w+\s*=\s*"?[^"]*"?\s*,?\s*)+\])?\s*:\s*$')
ENVIRONMENT: Environment = ImmutableSandboxedEnvironment(
    undefined=Undefined, keep_trailing_newline=True, autoescape=False
)
OURS = {"assistant": "model"}


def rendered(template: str, variables: Mapping[str, Any]) -> str:
    """As the reference, but that true, false and none are written as its portable subset has them."""
    ENVIRONMENT.finalize = lambda value: (
        {True: "true", False: "false", None: ""}.get(value, value) if isinstance(value, bool | None) else value
    )
    return ENVIRONMENT.from_string(template).render(variables)


def messages(body: str, variables: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(role, text) of each message that is not blank, with our names of roles."""
    made: list[tuple[str, list[str]]] = []
    for line in rendered(body, variables).split("\n"):
        if found := _BOUNDARY.match(line):
            made.append((found[1].lower(), []))
            continue
        if not made:
            made.append(("system", []))
        made[-1][1].append(line)
    texts = [(OURS.get(role, role), "\n".join(lines).strip("\n")) for role, lines in made]
    return [(role, text) for role, text in texts if text.strip()]
