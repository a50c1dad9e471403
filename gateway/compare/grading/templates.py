"""`{{name}}` in texts: put in what a case, an item or an answer has under the name, and nothing else.

promptfoo's templates are Nunjucks and OpenAI's have two roots, `item` and `sample`; what both share is a name with
steps behind it (`{{item.a.b[0]}}`). Filters and blocks are programs, and are refused where a text is read. Blanks
within the braces do not matter. `{% raw %}…{% endraw %}` is left as it is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.compare.grading.paths import JsonPath
from gateway.compare.grading.values import Wrong, text_of
from gateway.stores.wording import nearest

_PART = re.compile(r"\{%-?\s*raw\s*-?%\}(.*?)\{%-?\s*endraw\s*-?%\}|\{\{([^{}]*)\}\}|(\{%|\{#|\{\{)", re.DOTALL)
_EXPRESSION = re.compile(r"\s*([A-Za-z_][\w-]*)((?:\.[A-Za-z_]\w*|\[(?:-?\d{1,9}|'[^'\\]*'|\"[^\"\\]*\")\])*)\s*")
Wrap = Callable[[str, str], str]


class Missing(LookupError):
    """There is nothing under the expression. `root`: its first name."""

    def __init__(self, root: str, expression: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no `{expression}`{'' if root in known else nearest(root, sorted(known))}")
        self.root = root


class Slot(msgspec.Struct, frozen=True):
    """One `{{…}}`. `root`: its first name; `path`: the steps behind it, if there are any."""

    expression: str
    root: str
    path: JsonPath | None

    def value(self, values: Mapping[str, Any]) -> Any:
        """Raises:
        Missing: there is none.
        """
        if self.root not in values:
            raise Missing(self.root, self.expression, list(values))
        value = values[self.root]
        if self.path is None:
            return value
        found = self.path.find(value)
        if not found:
            raise Missing(self.root, self.expression, list(values))
        return found[0]


class Template:
    """Raises:
    ValueError: a filter, a block, or braces that do not close.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: list[str | Slot] = []
        at = 0
        for found in _PART.finditer(text):
            self._parts.append(text[at : found.start()])
            self._parts.append(found[1] if found[1] is not None else _slot(found))
            at = found.end()
        self._parts = [part for part in (*self._parts, text[at:]) if part != ""]

    @property
    def roots(self) -> frozenset[str]:
        """The first names of all its expressions."""
        return frozenset(part.root for part in self._parts if isinstance(part, Slot))

    def fill(self, values: Mapping[str, Any]) -> Any:
        """The value itself where the whole text is one expression, and a text otherwise.

        Raises:
            Missing: a value that is not there.
        """
        if len(self._parts) == 1 and isinstance(self._parts[0], Slot):
            return self._parts[0].value(values)
        return self.text_with(values)

    def text_with(self, values: Mapping[str, Any], wrap: Wrap | None = None) -> str:
        """The text, each value put in once: what it says is not looked through again. `wrap`: (the first name, the
        value's text) → what stands there instead.

        Raises:
            Missing: a value that is not there.
        """
        filled: list[str] = []
        for part in self._parts:
            if isinstance(part, str):
                filled.append(part)
                continue
            text = text_of(part.value(values))
            filled.append(wrap(part.root, text) if wrap else text)
        return "".join(filled)


def _slot(found: re.Match[str]) -> Slot:
    if found[2] is None:
        raise ValueError(f"`{found[0]}` begins what is not understood here; only `{{{{name}}}}` is")
    expression = _EXPRESSION.fullmatch(found[2])
    if expression is None:
        raise ValueError(
            f"`{found[0]}` is not understood here: a name and its parts, as `{{{{a.b[0]}}}}`, and no filters"
        )
    root, steps = expression.groups()
    return Slot(found[2].strip(), root, JsonPath(f"${steps}") if steps else None)


def render(value: Any, values: Mapping[str, Any], path: tuple[str | int, ...]) -> Any:
    """The value with every text in it filled.

    Raises:
        Wrong: a template that is none, or a variable that is not there; with the place.
    """
    if isinstance(value, dict):
        return {key: render(one, values, (*path, key)) for key, one in cast(dict[str, Any], value).items()}
    if isinstance(value, list | tuple):
        items = enumerate(cast(list[Any], value))
        return [render(one, values, (*path, index)) for index, one in items]
    if not isinstance(value, str) or "{" not in value:
        return value
    try:
        return Template(value).fill(values)
    except Missing as error:
        raise Wrong(path, f"{error}; variables are the case's `vars`") from None
    except ValueError as error:
        raise Wrong(path, str(error)) from None
