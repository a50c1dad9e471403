"""Calls of partials: known ones, ones defined inline, and blocks handed to them."""

from collections.abc import Callable, Mapping
from typing import cast

from gateway.prompts.handlebars.bodies import Body, Op, held, with_inlines
from gateway.prompts.handlebars.expressions import Expressions, Names, Value
from gateway.prompts.handlebars.indenting import indent
from gateway.prompts.handlebars.nodes import Block, Call, Constant, Expression, Path, Program, Tag
from gateway.prompts.handlebars.running import RenderError, Run, Scope
from gateway.prompts.handlebars.sources import Source
from gateway.stores.wording import nearest

BLOCK = "@partial-block"


def name_of(path: Path | Constant) -> str:
    """What a path is called when it is a name, as a partial's is."""
    if isinstance(path, Constant):
        return path.value if isinstance(path.value, str) else path.written
    return path.parts[0] if len(path.parts) == 1 and path.written[0] == "[" else path.written


def called(tag: Tag, source: Source) -> str:
    """The name of the partial that a tag calls.

    Raises:
        TemplateError: it is computed.
    """
    call = cast(Call, tag.call)
    if isinstance(call.path, Path) and call.path.data and call.path.written != BLOCK:
        raise source.error(tag.at, "a partial is called by its name, so that what a file says is known beforehand")
    return name_of(call.path)


class Calls:
    """Of one source. `compile`: makes the bodies of blocks."""

    def __init__(
        self, source: Source, expressions: Expressions, partials: Mapping[str, Body], inlines: frozenset[str],
        compile: Callable[[Program, Names], Body],
    ) -> None:  # fmt: skip
        self._source, self._expressions = source, expressions
        self._partials, self._inline_names, self._compile = partials, inlines, compile

    def inlines(self, program: Program, names: Names) -> Mapping[str, Body]:
        return {inline_name(block, self._source): self._compile(block.inner, ((), *names)) for block in program.inlines}

    def partial(self, tag: Tag, names: Names) -> tuple[Op, int]:
        name = called(tag, self._source)
        context = self._context(tag, names)
        if name == BLOCK:
            return _indented(_block(context), tag.indent), 0
        body = self._partials.get(name)
        if body is None and name not in self._inline_names:
            raise self.missing(tag, name)
        op = _known(body, context) if name not in self._inline_names else _found(name, body, context)
        return _indented(op, tag.indent), body.depth if body else 0

    def partial_block(self, block: Block, names: Names) -> tuple[Op, int]:
        """`{{#> name}}…{{/name}}`: the partial, which may call the block; or the block, if there is no such partial."""
        name = called(block.tag, self._source)
        context = self._context(block.tag, names)
        inner = self._compile(block.inner, ((), *names))
        body = self._partials.get(name)
        find = _find_block if name == BLOCK else _finder(name)

        def op(run: Run, scope: Scope) -> None:
            around = run.block

            def call(run: Run, scope: Scope) -> None:
                about = context(run, scope)
                if (found := find(run)) is not None:
                    run.block = (inner, scope, around)
                    held(found[0], found[1], run.block, about, run, scope)
                elif body is not None:
                    run.block = (inner, scope, around)
                    body.run(run, Scope(about, None, None, scope.loop))
                else:
                    held(inner, scope, around, about, run, scope)
                run.block = around

            with_inlines(inner.inlines, run, scope, call)

        return op, max(inner.depth, body.depth if body else 0)

    def missing(self, tag: Tag, name: str) -> Exception:
        known = nearest(name, sorted({*self._partials, *self._inline_names}))
        return self._source.error(tag.at, f"the partial `{name}` is not known here{known}")

    def _context(self, tag: Tag, names: Names) -> Value:
        call = cast(Call, tag.call)
        if len(call.params) > 1:
            raise self._source.error(call.params[1].at, "a partial takes one value, and any number of `name=value`")
        options = self._expressions.options(call, names)
        given: Expression | None = call.params[0] if call.params else None
        value: Value = self._expressions.value(given, names) if given else lambda _, scope: scope.context
        if not options:
            return value

        def extended(run: Run, scope: Scope) -> object:
            found = value(run, scope)
            own = {key: one(run, scope) for key, one in options}
            if not isinstance(found, Mapping):
                return own
            entries = cast("Mapping[str, object]", found)
            run.take(len(entries) >> 4)
            return {**entries, **own}

        return extended


def inline_name(block: Block, source: Source) -> str:
    """The name that `{{#*inline "name"}}` gives.

    Raises:
        TemplateError: none, or another decorator.
    """
    call = cast(Call, block.tag.call)
    if call.path.written != "inline":
        raise source.error(block.tag.at, f"the decorator `{call.path.written}` is not known here; known: inline")
    if len(call.params) != 1 or not isinstance(call.params[0], Constant) or call.options:
        raise source.error(block.tag.at, 'an inline partial has a name; write {{#*inline "name"}}…{{/inline}}')
    return name_of(call.params[0])


def _known(body: Body | None, context: Value) -> Op:
    run_body = cast(Body, body).run

    def op(run: Run, scope: Scope) -> None:
        run_body(run, Scope(context(run, scope), None, None, scope.loop))

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


def _finder(name: str) -> Callable[[Run], tuple[Body, Scope, object] | None]:
    return lambda run: run.inlines.get(name)


def _find_block(run: Run) -> tuple[Body, Scope, object] | None:
    return run.block


def _indented(op: Op, indentation: str) -> Op:
    return indent(op, indentation) if indentation else op
