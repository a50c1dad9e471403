"""What is carried out: sequences of statements, and the blocks that enter a value. Closures; nothing here is generated.

A body of `n` statements costs `n + 1` steps each time, a loop's all at once before its first item.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from gateway.prompts.handlebars.running import Loop, Run, Scope
from gateway.prompts.handlebars.values import LISTS, UNDEFINED

Op = Callable[[Run, Scope], None]
Value = Callable[[Run, Scope], object]


class Body:
    """Statements, each after a text, and a last text.

    Attributes:
        depth: levels of blocks in it, those of its partials included.
        inlines: the partials that are known while it runs.
    """

    __slots__ = ("cost", "depth", "empty", "inlines", "ops", "tail")

    def __init__(
        self, ops: Sequence[tuple[str, Op]], tail: str, depth: int, inlines: Mapping[str, "Body"] | None = None
    ) -> None:
        self.ops, self.tail, self.depth = tuple(ops), tail, depth
        self.cost = len(self.ops) + 1
        self.empty = not ops and not tail
        self.inlines = inlines

    def run(self, run: Run, scope: Scope) -> None:
        """Raises: RenderError."""
        run.steps -= self.cost
        if run.steps < 0:
            run.take(0)
        self.writing()(run, scope)

    def writing(self) -> Op:
        """Carries it out, and counts no steps."""
        return with_inlines(self.inlines, self._write) if self.inlines else self._write

    def _write(self, run: Run, scope: Scope) -> None:
        put = run.put
        for text, op in self.ops:
            if text:
                put(text)
            op(run, scope)
        if self.tail:
            put(self.tail)


def with_inlines(inlines: Mapping[str, Body], op: Op) -> Op:
    """Does it while these partials are known."""

    def known(run: Run, scope: Scope) -> None:
        before = run.inlines
        run.inlines = {**before, **{name: (body, scope, run.block) for name, body in inlines.items()}}
        op(run, scope)
        run.inlines = before

    return known


def choosing(test: Callable[[Run, Scope], bool], inner: Body, otherwise: Body) -> Op:
    def op(run: Run, scope: Scope) -> None:
        if test(run, scope):
            inner.run(run, scope)
        elif not otherwise.empty:
            otherwise.run(run, scope)

    return op


def entering(value: Value, inner: Body, otherwise: Body) -> Op:
    """`{{#with value}}`."""

    def op(run: Run, scope: Scope) -> None:
        found = value(run, scope)
        if found is None or found is False or found is UNDEFINED or found in ("", [], ()):
            otherwise.run(run, scope)
        else:
            _enter(found, inner, run, scope)

    return op


def _enter(found: object, inner: Body, run: Run, scope: Scope) -> None:
    entered = Scope(found, scope if found is not scope.context else scope.parent, scope, scope.loop)
    entered.values = (found,)
    inner.run(run, entered)


def looping(value: Value, inner: Body, otherwise: Body) -> Op:
    """`{{#each value}}`: the items of a list, or the entries of a mapping."""

    def op(run: Run, scope: Scope) -> None:
        found = value(run, scope)
        if isinstance(found, LISTS):
            loop_over(None, cast("Sequence[object]", found), inner, otherwise, run, scope)
        elif isinstance(found, Mapping):
            entries = cast("Mapping[object, object]", found)
            loop_over(list(entries), list(entries.values()), inner, otherwise, run, scope)
        else:
            otherwise.run(run, scope)

    return op


def loop_over(
    keys: Sequence[object] | None, items: Sequence[object], inner: Body, otherwise: Body, run: Run, scope: Scope
) -> None:
    if not items:
        otherwise.run(run, scope)
        return
    run.take(len(items) * inner.cost)
    loop = Loop(len(items), scope.loop)
    entered = Scope(None, scope, scope, loop)
    write = inner.writing()
    for index, item in enumerate(items):
        loop.index, loop.key = index, index if keys is None else keys[index]
        entered.context, entered.values = item, (item, loop.key)
        write(run, entered)


def section(value: Value, inner: Body, otherwise: Body) -> Op:
    """`{{#name}}`, of a value: once for each item of a list, once for true, and within anything else that is there."""

    def op(run: Run, scope: Scope) -> None:
        found: Any = value(run, scope)
        if isinstance(found, LISTS):
            loop_over(None, cast("Sequence[object]", found), inner, otherwise, run, scope)
        elif found is None or found is False or found is UNDEFINED:
            otherwise.run(run, scope)
        else:
            _enter(scope.context if found is True else found, inner, run, scope)

    return op


def held(body: Body, scope: Scope, around: Any, context: object, run: Run, caller: Scope) -> None:
    """Runs a block that was handed to a partial, or is one: in the scope that it stands in, about `context`."""
    run.depth -= 1
    if run.depth < 0:
        raise run.too_deep()
    parent = scope if context is not scope.context else scope.parent
    block, run.block = run.block, around
    body.run(run, Scope(context, parent, scope, caller.loop))
    run.block = block
    run.depth += 1
