"""Trees → bodies. They have been examined: nothing is wrong with them."""

from collections.abc import Callable, Mapping
from typing import cast

from gateway.prompts.handlebars.bodies import Body, Op, choosing, entering, looping, section
from gateway.prompts.handlebars.calling import Calls
from gateway.prompts.handlebars.examining import name_of, variable
from gateway.prompts.handlebars.expressions import Expressions, Names, Value
from gateway.prompts.handlebars.nodes import Block, Call, Constant, Path, Program, Tag
from gateway.prompts.handlebars.running import RenderError, Run, Scope
from gateway.prompts.handlebars.sources import Source
from gateway.prompts.handlebars.values import text_of
from gateway.prompts.handlebars.words import Condition, Entering, Words, Writer

NO_OPTIONS: Mapping[str, object] = {}


class Compiler:
    """Of one source.

    Args:
        partials: the bodies of those that it calls, by name.
        inlines: names of partials that some template around may define within itself.
    """

    def __init__(self, source: Source, words: Words, partials: Mapping[str, Body], inlines: frozenset[str]) -> None:
        self._words = words
        self._expressions = Expressions(source, words)
        self._calls = Calls(self._expressions, partials, inlines, self.body)

    def body(self, program: Program, names: Names) -> Body:
        ops: list[tuple[str, Op]] = []
        depth = 0
        for text, statement in program.steps:
            if isinstance(statement, Tag):
                op, inside = self._tag(statement, names)
            else:
                op, inside = self._block(statement, names)
            ops.append((text, op))
            depth = max(depth, inside)
        return Body(ops, program.tail, depth + 1, self._calls.inlines(program, names))

    def _tag(self, tag: Tag, names: Names) -> tuple[Op, int]:
        if tag.kind == "partial":
            return self._calls.partial(tag, names)
        call = cast(Call, tag.call)
        if variable(call, self._words):
            return _written(self._variable(call, names)), 0
        word = self._words[call.path.written]
        if isinstance(word, Writer):
            return self._writer(word, call, names), 0
        return _written(self._expressions.called(call, names)), 0

    def _variable(self, call: Call, names: Names) -> Value:
        path = call.path
        if isinstance(path, Constant):  # `{{"a b"}}` and `{{12}}` are names
            path = Path((name_of(path),), 0, False, False, path.written, path.at)
        return self._expressions.path(path, names)

    def _writer(self, word: Writer, call: Call, names: Names) -> Op:
        params, options = self._expressions.params(call, names), self._expressions.options(call, names)
        literal = bool(call.params) and isinstance(call.params[0], Constant)
        write, place = word.call, self._expressions.place

        def op(run: Run, scope: Scope) -> None:
            try:
                write(run, [one(run, scope) for one in params], {k: one(run, scope) for k, one in options}, literal)
            except RenderError:
                raise
            except ValueError as error:
                raise RenderError(f"{place(call)}: {error}") from None

        return op

    def _block(self, block: Block, names: Names) -> tuple[Op, int]:
        tag = block.tag
        if tag.kind == "partial_block":
            return self._calls.partial_block(block, names)
        call = cast(Call, tag.call)
        otherwise = self.body(block.otherwise, names)
        word = None if variable(call, self._words) else self._words[call.path.written]
        entered = not isinstance(word, Condition)
        inner = self.body(block.inner, (tag.names, *names) if entered else names)
        if word is None:
            op = section(self._variable(call, names), inner, otherwise)
        elif isinstance(word, Condition):
            op = choosing(self._test(word, call, names), inner, otherwise)
        else:
            enter = looping if cast(Entering, word).loops else entering
            op = enter(self._expressions.value(call.params[0], names), inner, otherwise)
        return op, max(inner.depth, otherwise.depth)

    def _test(self, word: Condition, call: Call, names: Names) -> Callable[[Run, Scope], bool]:
        params, options = self._expressions.params(call, names), self._expressions.options(call, names)
        test = word.test
        if not options:
            if len(params) == 1:
                (only,) = params
                return lambda run, scope: test(run, (only(run, scope),), NO_OPTIONS)
            return lambda run, scope: test(run, [one(run, scope) for one in params], NO_OPTIONS)
        return lambda run, scope: test(
            run, [one(run, scope) for one in params], {key: one(run, scope) for key, one in options}
        )


def _written(value: Value) -> Op:
    def op(run: Run, scope: Scope) -> None:
        found = value(run, scope)
        if type(found) is str:
            run.put(found)
            return
        try:
            text = text_of(found)
        except ValueError as error:
            raise RenderError(f"a variable {error}") from None
        run.make(len(text))
        run.put(text)

    return op
