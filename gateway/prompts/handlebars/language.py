"""Templates: read and examined at once, with the partials that they need; compiled when first rendered.

What is read and never rendered, such as old versions, is kept as its text alone.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from gateway.prompts.handlebars.bodies import Body
from gateway.prompts.handlebars.compiling import Compiler
from gateway.prompts.handlebars.examining import BLOCK, Examined, PartialCall, examine
from gateway.prompts.handlebars.parser import parse
from gateway.prompts.handlebars.running import Limits, Output, Run, Scope
from gateway.prompts.handlebars.sources import Source, TemplateError
from gateway.prompts.handlebars.words import Words
from gateway.stores.wording import nearest

MAX_DEPTH = 100
MAX_REMEMBERED = 1024
NO_DATA: Mapping[str, object] = {}
NO_PARTIALS: Mapping[str, str] = {}
LIMITS = Limits()
Find = Callable[[str], str | None]


class Language:
    """The helpers there are. Remembers what it found in partials: many templates share them."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._remembered: dict[str, Examined] = {}

    def template(self, source: Source, find: Find, names: Collection[str] = ()) -> "Template":
        """A template that can be rendered.

        Args:
            find: the source of a partial; None if there is none of the name. names: of those there are.

        Raises:
            TemplateError: the template or a partial cannot be read, calls what is not there, or calls itself.
        """
        if "{{" not in source.text:
            return Template(self, source, (), NO_PARTIALS, ())
        examined = examine(parse(source, laid_out=False), source, self.words)
        variables = tuple(examined.variables)
        if not examined.calls:
            return Template(self, source, variables, NO_PARTIALS, ())
        closure = _Closure(self, find, names, source.file)
        closure.close(source, examined)
        return Template(self, source, variables, closure.partials, closure.inlines)

    def partial(self, source: Source) -> Examined:
        """What is to be known of a partial."""
        found = self._remembered.get(source.text)
        if found is None:
            found = examine(parse(source, laid_out=False), source, self.words)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[source.text] = found
        return found


class Template:
    """Attributes:
    partials: the sources of all that it needs, by name; none before those that it needs itself.
    variables: the names that it looks up itself in what it is rendered with.
    asks_metadata: whether it looks at `@metadata`.
    """

    __slots__ = ("_body", "_inlines", "_language", "asks_metadata", "partials", "source", "variables")

    def __init__(
        self, language: Language, source: Source, variables: tuple[str, ...], partials: Mapping[str, str],
        inlines: Collection[str],
    ) -> None:  # fmt: skip
        self._language, self.source, self._inlines = language, source, inlines
        self._body: Body | None = None
        self.variables, self.partials = variables, partials
        self.asks_metadata = "@metadata" in source.text or any("@metadata" in one for one in partials.values())

    def render(
        self, variables: Mapping[str, object], data: Mapping[str, object] = NO_DATA, limits: Limits = LIMITS
    ) -> Output:
        """What the template makes of the variables. `data`: what `@name` finds.

        Raises:
            RenderError: too long, too many steps, or a helper that cannot do with a variable.
        """
        body = self._body or self._compile()
        scope = Scope(variables, None, None, None)
        run = Run(scope, data, limits)
        try:
            body.run(run, scope)
        except RecursionError:  # what blocks of many levels hand on may be deeper than `depth` counts
            raise run.too_deep() from None
        return run.finish()

    def place(self, variable: str) -> int:
        """The offset where it looks up one of its `variables` first."""
        return examine(parse(self.source, laid_out=False), self.source, self._language.words).variables.get(variable, 0)

    def _compile(self) -> Body:
        bodies: dict[str, Body] = {}
        words, inlines = self._language.words, frozenset(self._inlines)
        for name, text in self.partials.items():
            partial = Source(text, _called(name, self.source.file))
            bodies[name] = Compiler(partial, words, bodies, inlines).body(parse(partial), ())
        body = Compiler(self.source, words, bodies, inlines).body(parse(self.source), ())
        self._body = body
        return body


class _Reached(NamedTuple):
    source: Source
    examined: Examined


class _Closure:
    """What a template calls, and what that calls."""

    def __init__(self, language: Language, find: Find, names: Collection[str], file: str) -> None:
        self._language, self._find, self._names, self._file = language, find, names, file
        self._reached: dict[str, _Reached | None] = {}
        self._depths: dict[str, int] = {}
        self.partials: dict[str, str] = {}
        self._waiting: list[tuple[Source, PartialCall]] = []
        self.inlines: frozenset[str] = frozenset()

    def close(self, source: Source, examined: Examined) -> None:
        """Raises: TemplateError."""
        deepest = self._visit(source, examined, ())
        if deepest > MAX_DEPTH:
            raise source.error(0, f"blocks and partials stand deeper than {MAX_DEPTH} levels in one another")
        for place, call in self._waiting:  # for a partial that some template around may define
            if call.name not in self.inlines:
                raise self._missing(place, call)

    def _visit(self, source: Source, examined: Examined, within: tuple[str, ...]) -> int:
        """→ how deep it goes."""
        self.inlines |= examined.inlines
        deepest = 0
        for call in examined.calls:
            if call.name == BLOCK or call.name in call.inlines:
                continue
            if call.name in within:
                circle = " → ".join([*within[within.index(call.name) :], call.name])
                raise source.error(call.at, f"partials go in circles: {circle}; take one of these calls out")
            reached = self._reach(call.name)
            if reached is None:
                if not call.spare:
                    self._waiting.append((source, call))
            elif call.name not in self._depths:
                if len(within) >= MAX_DEPTH:
                    raise source.error(call.at, f"partials call one another deeper than {MAX_DEPTH} levels")
                self._depths[call.name] = self._visit(*reached, (*within, call.name))
                self.partials[call.name] = reached.source.text
            deepest = max(deepest, self._depths.get(call.name, 0))
        return examined.depth + deepest

    def _reach(self, name: str) -> _Reached | None:
        if name not in self._reached:
            text = self._find(name)
            if text is None:
                self._reached[name] = None
            else:
                source = Source(text, _called(name, self._file))
                self._reached[name] = _Reached(source, self._language.partial(source))
        return self._reached[name]

    def _missing(self, source: Source, call: PartialCall) -> TemplateError:
        reached = (name for name, one in self._reached.items() if one)
        known = sorted({*self._names, *reached, *self.inlines})
        return source.error(call.at, f"the partial `{call.name}` is not known here{nearest(call.name, known)}")


def _called(name: str, file: str) -> str:
    return f"{name} (a partial of {file})"
