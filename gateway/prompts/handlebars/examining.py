"""Everything that can be wrong with a template besides its form. What passes here can be compiled, and rendered."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from gateway.prompts.handlebars.nodes import Block, Call, Constant, Expression, Path, Program, Tag
from gateway.prompts.handlebars.sources import Source
from gateway.prompts.handlebars.words import Condition, Entering, Function, Taken, Word, Words
from gateway.stores.wording import nearest

BLOCKS = (Condition, Entering)
BLOCK = "@partial-block"
_GUIDED = {"log": "writes to a console, and there is none; leave it out"}
NO_NAMES: frozenset[str] = frozenset()


class PartialCall(NamedTuple):
    """Attributes:
    inlines: names of the partials that are defined around it. spare: it has a block, for want of the partial.
    """

    name: str
    at: int
    inlines: frozenset[str]
    spare: bool


class Examined(NamedTuple):
    """Attributes:
    calls: of partials, in order. inlines: names of all partials defined in it. depth: levels of blocks.
    variables: the names that it looks up in what it is rendered with, and where it does first. What it looks up within
        a value that it has entered is none of these.
    """

    calls: Sequence[PartialCall]
    inlines: frozenset[str]
    depth: int
    variables: Mapping[str, int]


def examine(program: Program, source: Source, words: Words) -> Examined:
    """Raises: TemplateError: a helper that is not there, or that is handed what it does not take."""
    examiner = _Examiner(source, words)
    depth = examiner.program(program, NO_NAMES, 1)
    return Examined(examiner.calls, frozenset(examiner.inlines), depth, examiner.variables)


def variable(call: Call, words: Words) -> bool:
    """Whether a tag means a value by its name, and no helper."""
    if call.params or call.options:
        return False
    path = call.path
    return not (type(path) is Path and path.written in words)


def name_of(path: Path | Constant) -> str:
    """What a path is called when it is a name, as a partial's is."""
    if isinstance(path, Constant):
        return path.value if isinstance(path.value, str) else path.written
    return path.parts[0] if len(path.parts) == 1 and path.written[0] == "[" else path.written


class _Examiner:
    def __init__(self, source: Source, words: Words) -> None:
        self._source, self._words = source, words
        self.calls: list[PartialCall] = []
        self.inlines: set[str] = set()
        self.variables: dict[str, int] = {}
        self._within = 0  # how many values have been entered

    def program(self, program: Program, known: frozenset[str], depth: int) -> int:
        """→ how deep it goes."""
        deepest = depth
        if program.inlines:
            names = [self._inline(block) for block in program.inlines]
            self.inlines.update(names)
            known = known.union(names)
            for block in program.inlines:
                deepest = max(deepest, self._entered(block.inner, known, depth + 1))
        for _, statement in program.steps:
            if type(statement) is Block:
                deepest = max(deepest, self._block(statement, known, depth + 1))
            else:
                self._tag(cast(Tag, statement), known)
        return deepest

    def _tag(self, tag: Tag, known: frozenset[str]) -> None:
        call = cast(Call, tag.call)
        if tag.kind == "partial":
            self._partial(call, known, spare=False)
        elif variable(call, self._words):
            self._used(call.path)
        else:
            word = self._word(call)
            if isinstance(word, BLOCKS):
                raise self._source.error(tag.at, f"`{call.path.written}` is a block; write {word.example}")
            self._check(word, call)

    def _block(self, block: Block, known: frozenset[str], depth: int) -> int:
        call = cast(Call, block.tag.call)
        inner = self._entered
        if block.tag.kind == "partial_block":
            names = [self._inline(inline) for inline in block.inner.inlines]
            self._partial(call, known.union(names), spare=True)
        elif variable(call, self._words):
            self._used(call.path)
        else:
            word = self._word(call)
            if not isinstance(word, BLOCKS):
                raise self._source.error(block.tag.at, f"`{call.path.written}` is no block; write {word.example}")
            if block.tag.names and isinstance(word, Condition):
                raise self._source.error(block.tag.at, f"`{call.path.written}` has no parameters, `as |name|`")
            self._check(word, call)
            if isinstance(word, Condition):
                inner = self.program
        deepest = inner(block.inner, known, depth)
        return max(deepest, self.program(block.otherwise, known, depth)) if block.otherwise.steps else deepest

    def _entered(self, program: Program, known: frozenset[str], depth: int) -> int:
        self._within += 1
        deepest = self.program(program, known, depth)
        self._within -= 1
        return deepest

    def _used(self, path: Expression) -> None:
        if self._within == 0 and type(path) is Path and path.parts and not path.up:
            if not path.data:
                self.variables.setdefault(path.parts[0], path.at)
            elif path.parts[0] == "root" and len(path.parts) > 1:
                self.variables.setdefault(path.parts[1], path.at)

    def _partial(self, call: Call, known: frozenset[str], *, spare: bool) -> None:
        path = call.path
        if isinstance(path, Path) and path.data and path.written != BLOCK:
            raise self._source.error(path.at, "a partial is called by a name that is written out, not by a value")
        if len(call.params) > 1:
            raise self._source.error(call.params[1].at, "a partial takes one value, and any number of `name=value`")
        self._values(call)
        self.calls.append(PartialCall(name_of(path), path.at, known, spare))

    def _inline(self, block: Block) -> str:
        call = cast(Call, block.tag.call)
        name = call.path.written
        if name != "inline":
            raise self._source.error(call.at, f"the decorator `{name}` is not known here; known: inline")
        if len(call.params) != 1 or not isinstance(call.params[0], Constant) or call.options:
            raise self._source.error(call.at, 'an inline partial has a name; write {{#*inline "name"}}…{{/inline}}')
        return name_of(call.params[0])

    def _word(self, call: Call) -> Word:
        name = call.path.written
        word = self._words.get(name)
        if word is not None:
            return word
        if name in _GUIDED:
            raise self._source.error(call.at, f"`{name}` {_GUIDED[name]}")
        raise self._source.error(call.at, f"the helper `{name}` is not known here{nearest(name, sorted(self._words))}")

    def _value(self, expression: Expression) -> None:
        if type(expression) is Path:
            self._used(expression)
        elif isinstance(expression, Call):
            word = self._word(expression)
            if not isinstance(word, Function):
                what = "is a block" if isinstance(word, BLOCKS) else "writes, and has no value"
                raise self._source.error(expression.at, f"`{expression.path.written}` {what}{_as(word)}")
            self._check(word, expression)

    def _values(self, call: Call) -> None:
        for one in call.params:
            self._value(one)
        for _, one in call.options:
            self._value(one)

    def _check(self, word: Taken, call: Call) -> None:
        name = call.path.written
        if not word.least <= len(call.params) <= word.most:
            reason = f"`{name}` takes {_count(word)}, and has {len(call.params)}{_as(word)}"
            if not call.params and not call.options:
                reason += f"; to write a variable of this name, say {{{{this.{name}}}}}"
            raise self._source.error(call.at, reason)
        for key, one in call.options:
            if word.options is not None and key not in word.options:
                known = nearest(key, sorted(word.options)) or _as(word)
                raise self._source.error(one.at, f"`{name}` takes no `{key}=`{known}")
        if word.check is not None:
            wrong = word.check([one if isinstance(one, Constant) else None for one in call.params])
            if wrong:
                raise self._source.error(call.params[0].at if call.params else call.at, wrong)
        self._values(call)


def _count(word: Taken) -> str:
    span = str(word.least) if word.least == word.most else f"{word.least} to {word.most}"
    return f"{span} value{'' if span == '1' else 's'}"


def _as(word: Taken) -> str:
    return f"; write {word.example}" if word.example else ""
