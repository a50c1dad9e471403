"""Calls of partials: known ones, ones defined inline, and blocks handed to them."""

from collections.abc import Callable, Mapping
from typing import cast

from gateway.prompts.handlebars.bodies import Body, Op, held, with_inlines
from gateway.prompts.handlebars.examining import BLOCK, name_of
from gateway.prompts.handlebars.expressions import Expressions, Names, Value
from gateway.prompts.handlebars.indenting import indent
from gateway.prompts.handlebars.nodes import Block, Call, Constant, Program, Tag
from gateway.prompts.handlebars.running import RenderError, Run, Scope


class Calls:
    """Of one source. `compile`: makes the bodies of blocks."""

    def __init__(
        self, expressions: Expressions, partials: Mapping[str, Body], inlines: frozenset[str],
        compile: Callable[[Program, Names], Body],
    ) -> None:  # fmt: skip
        self._expressions, self._partials, self._inline_names, self._compile = expressions, partials, inlines, compile

    def inlines(self, program: Program, names: Names) -> Mapping[str, Body] | None:
        """The bodies of the partials that a program defines within itself."""
        if not program.inlines:
            return None
        return {
            name_of(cast(Constant, cast(Call, block.tag.call).params[0])): self._compile(block.inner, ((), *names))
            for block in program.inlines
        }

    def partial(self, tag: Tag, names: Names) -> tuple[Op, int]:
        name = name_of(cast(Call, tag.call).path)
        context = self._context(tag, names)
        body = self._partials.get(name)
        if name == BLOCK:
            op, depth = _block(context), 0
        elif body is None or name in self._inline_names:
            op, depth = _found(name, body, context), body.depth if body else 0
        else:
            op, depth = _known(body, context), body.depth
        return (indent(op, tag.indent) if tag.indent else op), depth

    def partial_block(self, block: Block, names: Names) -> tuple[Op, int]:
        """`{{#> name}}…{{/name}}`: the partial, which may call the block; or the block, if there is no such partial."""
        name = name_of(cast(Call, block.tag.call).path)
        context = self._context(block.tag, names)
        inner = self._compile(block.inner, ((), *names))
        body = self._partials.get(name)

        def call(run: Run, scope: Scope) -> None:
            about = context(run, scope)
            around = run.block
            found = around if name == BLOCK else run.inlines.get(name)
            if found is not None:
                run.block = (inner, scope, around)
                held(found[0], found[1], run.block, about, run, scope)
            elif body is not None:
                run.block = (inner, scope, around)
                body.run(run, Scope(about, None, None, scope.loop))
            else:
                held(inner, scope, around, about, run, scope)
            run.block = around

        op = with_inlines(inner.inlines, call) if inner.inlines else call
        return op, max(inner.depth, body.depth if body else 0)

    def _context(self, tag: Tag, names: Names) -> Value:
        call = cast(Call, tag.call)
        options = self._expressions.options(call, names)
        given = self._expressions.value(call.params[0], names) if call.params else None
        if not options:
            return given or (lambda _run, scope: scope.context)

        def extended(run: Run, scope: Scope) -> object:
            found = given(run, scope) if given else scope.context
            own = {key: one(run, scope) for key, one in options}
            if not isinstance(found, Mapping):
                return own
            entries = cast("Mapping[str, object]", found)
            run.take(len(entries) >> 4)
            return {**entries, **own}

        return extended


def _known(body: Body, context: Value) -> Op:
    def op(run: Run, scope: Scope) -> None:
        body.run(run, Scope(context(run, scope), None, None, scope.loop))

    return op


def _found(name: str, body: Body | None, context: Value) -> Op:
    def op(run: Run, scope: Scope) -> None:
        about = context(run, scope)
        if name in run.inlines:
            inline, inside, _ = run.inlines[name]
            held(inline, inside, run.block, about, run, scope)
        elif body is not None:
            body.run(run, Scope(about, None, None, scope.loop))
        else:
            raise RenderError(f"the inline partial `{name}` is not defined where it is called")

    return op


def _block(context: Value) -> Op:
    def op(run: Run, scope: Scope) -> None:
        if run.block is not None:
            body, inside, around = run.block
            held(body, inside, around, context(run, scope), run, scope)

    return op
