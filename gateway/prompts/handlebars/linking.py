"""A template and the partials it needs, and those that they need: read, checked for cycles, compiled."""

from collections.abc import Callable, Iterator, Mapping

from gateway.prompts.handlebars.bodies import Body
from gateway.prompts.handlebars.calling import BLOCK, called, inline_name
from gateway.prompts.handlebars.compiling import Compiler
from gateway.prompts.handlebars.nodes import Block, Program, Tag
from gateway.prompts.handlebars.parser import parse
from gateway.prompts.handlebars.running import Limits, Output, Run, Scope
from gateway.prompts.handlebars.sources import Source
from gateway.prompts.handlebars.words import Words

MAX_DEPTH = 100
NO_DATA: Mapping[str, object] = {}
LIMITS = Limits()

__all__ = ["Source", "Template", "link"]


class Template:
    """Attributes:
    partials: the sources of all that it needs, by name.
    asks_metadata: whether it looks at `@metadata`.
    """

    __slots__ = ("_body", "asks_metadata", "partials")

    def __init__(self, body: Body, source: str, partials: Mapping[str, str]) -> None:
        self._body = body
        self.partials = partials
        self.asks_metadata = "@metadata" in source or any("@metadata" in one for one in partials.values())

    def render(
        self, variables: Mapping[str, object], data: Mapping[str, object] = NO_DATA, limits: Limits = LIMITS
    ) -> Output:
        """What the template makes of the variables. `data`: what `@name` finds.

        Raises:
            RenderError: too long, too many steps, or a helper that cannot do with a variable.
        """
        scope = Scope(variables, None, None, None)
        run = Run(scope, data, limits)
        self._body.run(run, scope)
        return run.finish()


def link(source: Source, words: Words, find: Callable[[str], str | None]) -> Template:
    """A template, compiled with its partials.

    Args:
        words: the helpers there are. find: the source of a partial; None if there is none of the name.

    Raises:
        TemplateError: the template or a partial cannot be read, calls what is not there, or calls itself.
    """
    program = parse(source)
    if not program.steps and not program.inlines:
        return Template(Body((), program.tail, 1), "", {})
    return _Linker(words, find, source.file).link(source, program)


class _Linker:
    def __init__(self, words: Words, find: Callable[[str], str | None], file: str) -> None:
        self._words, self._find, self._file = words, find, file
        self._sources: dict[str, Source] = {}
        self._programs: dict[str, Program] = {}
        self._order: list[str] = []  # those first that others need
        self._inlines: set[str] = set()

    def link(self, source: Source, program: Program) -> Template:
        self._visit(source, program, ())
        inlines = frozenset(self._inlines)
        bodies: dict[str, Body] = {}
        for name in self._order:
            partial = self._sources[name]
            bodies[name] = Compiler(partial, self._words, bodies, inlines).body(self._programs[name], ())
        body = Compiler(source, self._words, bodies, inlines).body(program, ())
        deepest = max([body.depth, *(one.depth for one in bodies.values())])
        if deepest > MAX_DEPTH:
            raise source.error(0, f"blocks and partials stand deeper than {MAX_DEPTH} levels in one another")
        return Template(body, source.text, {name: self._sources[name].text for name in sorted(self._sources)})

    def _visit(self, source: Source, program: Program, within: tuple[str, ...]) -> None:
        """Reads what a template calls, and what that calls, before it."""
        for tag, inlines in _calls(program, source, frozenset()):
            self._inlines |= inlines
            name = called(tag, source)
            if name == BLOCK or name in inlines:
                continue
            if name in within:
                circle = " → ".join([*within[within.index(name) :], name])
                raise source.error(tag.at, f"partials go in circles: {circle}; take one of these calls out")
            if name in self._programs:
                continue
            if len(within) >= MAX_DEPTH:
                raise source.error(tag.at, f"partials call one another deeper than {MAX_DEPTH} levels")
            text = self._find(name)
            if text is None:
                continue  # an inline one maybe, or one with a block in its place; else the compiler says so
            found = Source(text, f"{name} (a partial of {self._file})")
            read = self._programs[name] = parse(found)
            self._sources[name] = found
            self._visit(found, read, (*within, name))
            self._order.append(name)


def _calls(program: Program, source: Source, known: frozenset[str]) -> Iterator[tuple[Tag, frozenset[str]]]:
    """The tags that call partials, each with the names of the inline ones in reach."""
    if program.inlines:
        known |= {inline_name(block, source) for block in program.inlines}
    for block in program.inlines:
        yield from _calls(block.inner, source, known)
    for _, statement in program.steps:
        if isinstance(statement, Block):
            inside = known
            if statement.tag.kind == "partial_block":
                inside |= {inline_name(block, source) for block in statement.inner.inlines}
                yield statement.tag, inside
            yield from _calls(statement.inner, source, inside)
            yield from _calls(statement.otherwise, source, known)
        elif statement.kind == "partial":
            yield statement, known
