"""The body of a `.prompt` file → pieces, for formats that say less than Handlebars does."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.prompts.dotprompt.helping import WORDS
from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.pieces import (
    Branch,
    History,
    Json,
    Loop,
    Media,
    Messages,
    Name,
    Partial,
    Piece,
    Place,
    Role,
    Same,
    Text,
    Value,
    joined,
    walk,
)
from gateway.prompts.handlebars.nodes import Block, Call, Constant, Expression, Path, Program, Statement, Tag
from gateway.prompts.handlebars.parser import parse
from gateway.prompts.handlebars.sources import Source

_PLACES = {"index": Place("index"), "first": Place("first"), "last": Place("last")}
_OF_A_VARIABLE = "@"  # as the role of a message that a variable names


class _Unsaid(ValueError):
    pass


class Target(msgspec.Struct, frozen=True):
    """A format, and which pieces it can say."""

    name: str
    says: tuple[type[Piece], ...]


def read_body(text: str, notes: Notes, target: Target, first_line: int = 1) -> tuple[Piece, ...]:
    """The pieces of a template that has been read before. What the target cannot say is refused in `notes`, by its
    line."""
    source = Source(text, notes.source, first_line)
    return _Reader(source, notes, target).program(parse(source), _Scope(), outermost=True)


class _Scope(msgspec.Struct, frozen=True):
    """Attributes:
    depth: how many loops stand around. names: of block parameters, what they are.
    """

    depth: int = 0
    names: Mapping[str, Name | Place] = {}


class _Reader:
    def __init__(self, source: Source, notes: Notes, target: Target) -> None:
        self._source, self._notes, self._target = source, notes, target

    def program(self, program: Program, scope: _Scope, outermost: bool = False) -> tuple[Piece, ...]:
        made: list[Piece] = []
        for block in program.inlines:
            self._refuse(block.tag, "defines a partial within the file")
        for text, statement in program.steps:
            made.append(Text(text))
            tag = statement.tag if isinstance(statement, Block) else statement
            try:
                found = self._statement(statement, scope)
                # What is within a block is known only when all of it has been read: a list of messages is one thing.
                if outermost and not all(isinstance(piece, self._target.says) for piece in walk(found)):
                    raise _Unsaid(f"has no counterpart in {self._target.name}")
                made += found
            except _Unsaid as error:
                self._refuse(tag, str(error))
        return joined([*made, Text(program.tail)])

    def _refuse(self, tag: Tag, why: str) -> None:
        written = self._source.text[tag.at :]
        end = written.find("}}")
        line = self._source.error(tag.at, "").line
        self._notes.refuse(f"line {line}", written[: end + 2 if end > 0 else 40], why)

    def _statement(self, statement: Statement, scope: _Scope) -> Sequence[Piece]:
        if isinstance(statement, Block):
            return self._block(statement, scope)
        call = statement.call
        if call is None:
            return ()
        if statement.kind == "partial":
            if not call.bare or statement.indent:
                raise _Unsaid("hands values to a partial, or indents it")
            return (Partial(str(call.path.value) if isinstance(call.path, Constant) else call.path.written),)
        if not call.bare or self._is_word(call):
            return (self._word(call, scope),)
        return (Value(self._looked_up(call.path, scope)),)

    def _is_word(self, call: Call) -> bool:
        path = call.path
        return isinstance(path, Path) and not path.scoped and len(path.parts) == 1 and path.parts[0] in WORDS

    def _word(self, call: Call, scope: _Scope) -> Piece:
        word, options = call.path.written, dict(call.options)
        if word == "role":
            if options:
                raise _Unsaid("gives a message metadata")
            first = call.params[0]
            return Role(str(first.value) if isinstance(first, Constant) else _OF_A_VARIABLE)
        if word == "history":
            return History()
        if word == "media":
            return Media(self._medium(options["url"], scope), self._medium(options.get("contentType"), scope))
        if word == "json":
            indent = options.get("indent")
            name = self._looked_up(call.params[0], scope)
            if isinstance(name, Name) and isinstance(indent, Constant | None):
                return Json(name, int(str(indent.value)) if indent else 0)
        raise _Unsaid(f"the helper `{word}` has no counterpart")

    def _medium(self, of: Expression | None, scope: _Scope) -> Name | str:
        if of is None or isinstance(of, Constant):
            return "" if of is None else str(of.value)
        found = self._looked_up(of, scope)
        if isinstance(found, Place):
            raise _Unsaid("is no URL")
        return found

    def _looked_up(self, path: Expression, scope: _Scope) -> Name | Place:
        if not isinstance(path, Path):
            raise _Unsaid("computes a value")
        root = path.parts[0] if path.parts else ""
        if path.data:
            if root == "root":
                return Name(path.parts[1:])
            if path.up or root not in _PLACES or len(path.parts) > 1 or not scope.depth:
                raise _Unsaid(f"`{path.written}` has no counterpart")
            return _PLACES[root]
        if not path.scoped and root and (found := scope.names.get(root)) is not None:
            if isinstance(found, Name):
                return Name((*found.parts, *path.parts[1:]), found.level)
            return found
        if path.up > scope.depth:
            raise _Unsaid(f"`{path.written}` looks outside of the prompt")
        if not path.parts and path.up == scope.depth:
            raise _Unsaid("writes all variables at once")
        return Name(path.parts, scope.depth - path.up)

    def _block(self, block: Block, scope: _Scope) -> Sequence[Piece]:
        call = block.tag.call
        if call is None or block.tag.kind not in ("block", "inverted") or not self._is_word(call):
            raise _Unsaid("this kind of block has no counterpart")
        word = call.path.written
        if word == "each":
            return (self._each(block, call, scope),)
        then, otherwise = self.program(block.inner, scope), self.program(block.otherwise, scope)
        if word in ("unless", "unlessEquals"):
            then, otherwise = otherwise, then
        if word in ("if", "unless") and not call.options:
            test = call.params[0]
            if isinstance(test, Constant):
                raise _Unsaid("tests what is written out")
            return (Branch(self._looked_up(test, scope), then, otherwise),)
        if word in ("ifEquals", "unlessEquals"):
            return (Branch(self._same(call, scope), then, otherwise),)
        raise _Unsaid(f"the block `{word}` has no counterpart")

    def _same(self, call: Call, scope: _Scope) -> Same:
        left, right = call.params
        if isinstance(left, Constant):
            left, right = right, left
        if isinstance(right, Constant):
            if not isinstance(right.value, str | int | float | bool):
                raise _Unsaid("compares with null")
            return Same(self._looked_up(left, scope), right.value)
        other = self._looked_up(right, scope)
        if isinstance(other, Place):
            raise _Unsaid("compares with the place in a loop")
        return Same(self._looked_up(left, scope), other)

    def _each(self, block: Block, call: Call, scope: _Scope) -> Piece:
        over = self._looked_up(call.params[0], scope)
        if isinstance(over, Place):
            raise _Unsaid("loops over no list")
        depth = scope.depth + 1
        known: dict[str, Name | Place] = dict(scope.names)
        known.update(zip(block.tag.names, (Name((), depth), Place("index")), strict=False))
        body = self.program(block.inner, _Scope(depth, known))
        if _is_messages(body, depth):
            return Messages(over)
        if any(isinstance(piece, Role) and piece.role == _OF_A_VARIABLE for piece in body):
            raise _Unsaid("lets a variable name the role of a message")
        return Loop(over, body, self.program(block.otherwise, scope))


def _is_messages(body: Sequence[Piece], depth: int) -> bool:
    """Whether it is how `handlebars.body` writes a list of messages."""
    role = Same(Name(("role",), depth), "assistant")
    return tuple(body) == (
        Branch(role, (Role("model"),), (Role(_OF_A_VARIABLE),)), Value(Name(("content",), depth)),
    )  # fmt: skip
