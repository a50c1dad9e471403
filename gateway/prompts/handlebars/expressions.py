"""Paths, constants and calls of functions → closures that give their value. They have been examined."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from gateway.prompts.handlebars.nodes import Call, Constant, Expression, Path
from gateway.prompts.handlebars.running import Loop, RenderError, Run, Scope
from gateway.prompts.handlebars.sources import Source
from gateway.prompts.handlebars.values import UNDEFINED, kind_of, member
from gateway.prompts.handlebars.words import Function, Words

Value = Callable[[Run, Scope], object]
# Block parameters in reach: of each block around, innermost first, its names.
Names = tuple[tuple[str, ...], ...]
_LOOP: dict[str, Callable[[Loop], object]] = {
    "index": lambda loop: loop.index,
    "key": lambda loop: loop.key,
    "first": lambda loop: loop.index == 0,
    "last": lambda loop: loop.index == loop.count - 1,
}


class Expressions:
    """Of one source; `words` are the helpers there are."""

    def __init__(self, source: Source, words: Words) -> None:
        self._source, self._words = source, words

    def value(self, expression: Expression, names: Names) -> Value:
        if isinstance(expression, Constant):
            constant = expression.value
            return lambda _run, _scope: constant
        return self.path(expression, names) if isinstance(expression, Path) else self.called(expression, names)

    def called(self, call: Call, names: Names) -> Value:
        function = cast(Function, self._words[call.path.written]).call
        params, options = self.params(call, names), self.options(call, names)

        def give(run: Run, scope: Scope) -> object:
            try:
                return function(
                    run, [one(run, scope) for one in params], {key: one(run, scope) for key, one in options}
                )
            except RenderError:
                raise
            except ValueError as error:
                raise RenderError(f"{self.place(call)}: {error}") from None

        return give

    def place(self, call: Call) -> str:
        """What errors while rendering call a call."""
        where = self._source.error(call.at, "")
        return f"{where.file}:{where.line}: {call.path.written}"

    def params(self, call: Call, names: Names) -> tuple[Value, ...]:
        return tuple(self.value(one, names) for one in call.params)

    def options(self, call: Call, names: Names) -> tuple[tuple[str, Value], ...]:
        return tuple((key, self.value(one, names)) for key, one in call.options)

    def path(self, path: Path, names: Names) -> Value:
        if path.data:
            return self._data(path)
        if not path.scoped:
            for hops, known in enumerate(names):
                if path.parts[0] in known:
                    return _parameter(hops, known.index(path.parts[0]), path.parts[1:])
        if not path.up and len(path.parts) == 1:
            return _entry(path.parts[0])
        return _walk(path.up, path.parts)

    def _data(self, path: Path) -> Value:
        name, rest, up = path.parts[0], path.parts[1:], path.up
        of_loop = _LOOP.get(name)

        def give(run: Run, scope: Scope) -> object:
            loop = scope.loop
            for _ in range(up):
                loop = loop.outer if loop is not None else None
            if of_loop is not None and loop is not None:
                found = of_loop(loop)
            elif name in run.data:
                found = run.data[name]
            else:
                found = run.root.context if name == "root" else UNDEFINED
            for part in rest:
                found = member(found, part)
            return found

        return give


def _entry(name: str) -> Value:
    def give(_run: Run, scope: Scope) -> object:
        context: Any = scope.context
        return context.get(name, UNDEFINED) if kind_of(context) is dict else member(context, name)

    return give


def _walk(up: int, parts: Sequence[str]) -> Value:
    def give(_run: Run, scope: Scope) -> object:
        found: Scope | None = scope
        for _ in range(up):
            found = found.parent if found is not None else None
        if found is None:
            return UNDEFINED
        value: Any = found.context
        for part in parts:
            value = value.get(part, UNDEFINED) if kind_of(value) is dict else member(value, part)
        return value

    return give


def _parameter(hops: int, place: int, rest: Sequence[str]) -> Value:
    def give(_run: Run, scope: Scope) -> object:
        found: Scope | None = scope
        for _ in range(hops):
            found = found.outer if found is not None else None
        value = found.values[place] if found is not None and place < len(found.values) else UNDEFINED
        for part in rest:
            value = member(value, part)
        return value

    return give
