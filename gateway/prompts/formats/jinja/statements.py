"""Parts of a Jinja source → pieces."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.jinja.conditions import Pieces, branched
from gateway.prompts.formats.jinja.expressions import (
    Chosen,
    Constant,
    Expression,
    Filter,
    Together,
    Unsaid,
    Variable,
    read_expression,
)
from gateway.prompts.formats.jinja.lexer import JinjaError, Part, cut
from gateway.prompts.formats.jinja.names import Names
from gateway.prompts.formats.pieces import Json, Loop, Name, Piece, Place, Text, Value, joined

MAX_DEPTH = 24  # of blocks; an `elif` is one more
_ENDS = frozenset({"endif", "else", "elif", "endfor"})
_UNCHANGED = frozenset({"safe", "string"})


class Template(msgspec.Struct, frozen=True):
    """`defaults`: of variables, as `default(…)` says."""

    pieces: Pieces
    defaults: Mapping[str, object]


def read_jinja(
    source: str, notes: Notes, first_line: int = 1, path: str = "", declared: Sequence[str] = ()
) -> Template:
    """The template's pieces. Every construct that cannot be brought over is refused in `notes`, by its line.

    Args:
        first_line: of the file, the line that `source` begins on. path: what stands before lines in notes.
        declared: variables that have a default already.
    """
    reader = _Reader(notes, first_line - 1, f"{path}, " if path else "")
    try:
        reader.parts = cut(source)
        pieces = reader.nodes(frozenset(), 0)
    except JinjaError as error:
        notes.refuse(reader.place(error.line), error.what, error.why)
        return Template((), {})
    names = reader.names
    for name in sorted(set(names.defaults) & (names.plain - set(declared))):
        why = "stands with a default here and without one elsewhere; declare the default where the inputs are"
        notes.refuse(reader.place(1), f"{{{{ {name} | default(…) }}}}", why)
    return Template(pieces, {name: value for name, value in names.defaults.items() if name not in declared})


class _Reader:
    def __init__(self, notes: Notes, before: int, path: str) -> None:
        self.parts: list[Part] = []
        self.names = Names()
        self._notes, self._before, self._path, self._at = notes, before, path, 0

    def place(self, line: int) -> str:
        return f"{self._path}line {self._before + line}"

    def nodes(self, ends: frozenset[str], depth: int) -> Pieces:
        """Up to a statement that is one of `ends`, which is left; or up to the end.

        Raises:
            JinjaError: a statement that ends nothing, or nests too deeply.
        """
        made: list[Piece] = []
        while self._at < len(self.parts):
            part = self.parts[self._at]
            word = _word(part)
            if word in ends:
                break
            if depth > MAX_DEPTH:
                raise JinjaError(part.line, part.text, f"is nested deeper than {MAX_DEPTH} levels")
            self._at += 1
            made += self._node(part, word, depth)
        return joined(made)

    def _node(self, part: Part, word: str, depth: int) -> Pieces:
        if part.kind == "text":
            return (Text(part.text),)
        if part.kind == "value":
            made = self._say(part, lambda: self._value(read_expression(part.tokens)))
            if any(isinstance(piece, Json) for piece in made):
                why = "is written without spaces, with keys in their order, and with `<`, `>`, `&` and `'` as they are"
                self._notes.note(self.place(part.line), part.text, why)
            return made
        if word == "if":
            return self._if(part, depth)
        if word == "for":
            return self._for(part, depth)
        if word in _ENDS:
            raise JinjaError(part.line, part.text, "ends nothing that is open")
        if not word.startswith("end"):  # what it ends has been refused
            self._notes.refuse(self.place(part.line), part.text, f"`{word}` has no counterpart in Handlebars")
        return ()

    def _say(self, part: Part, make: Callable[[], Pieces]) -> Pieces:
        """What `make` makes; nothing, and a refusal, if it cannot be said."""
        try:
            return make()
        except Unsaid as error:
            self._notes.refuse(self.place(part.line), part.text, str(error))
            return ()

    def _until(self, opened: Part, ends: frozenset[str], depth: int) -> tuple[Pieces, Part]:
        """What stands up to one of `ends`, and that."""
        pieces = self.nodes(ends, depth + 1)
        if self._at == len(self.parts):
            raise JinjaError(
                opened.line, opened.text, f"is not closed; end it with {{% {min(ends - {'else', 'elif'})} %}}"
            )
        self._at += 1
        return pieces, self.parts[self._at - 1]

    def _if(self, opened: Part, depth: int) -> Pieces:
        arms: list[tuple[Part, Pieces]] = []
        part = opened
        while part.tokens and part.tokens[0].value != "else":
            pieces, ended = self._until(opened, frozenset({"elif", "else", "endif"}), depth + len(arms))
            arms.append((part, pieces))
            part = ended
            if _word(part) == "endif":
                break
        otherwise: Pieces = ()
        if _word(part) == "else":
            otherwise, _ = self._until(opened, frozenset({"endif"}), depth)
        for part, then in reversed(arms):
            otherwise = self._arm(part, then, otherwise)
        return otherwise

    def _arm(self, part: Part, then: Pieces, otherwise: Pieces) -> Pieces:
        return self._say(part, lambda: branched(read_expression(part.tokens[1:]), then, otherwise, self.names))

    def _for(self, opened: Part, depth: int) -> Pieces:
        name, over = "", Name(())
        try:
            name, over = self._loop(opened)
        except Unsaid as error:
            self._notes.refuse(self.place(opened.line), opened.text, str(error))
        self.names.loops.append(name)
        body, ended = self._until(opened, frozenset({"else", "endfor"}), depth)
        self.names.loops.pop()
        otherwise: Pieces = ()
        if _word(ended) == "else":
            otherwise, _ = self._until(opened, frozenset({"endfor"}), depth)
        return (Loop(over, body, otherwise),)

    def _loop(self, opened: Part) -> tuple[str, Name]:
        words = opened.tokens[1:3]
        if len(words) < 2 or words[0].kind != "name" or words[1].value != "in":
            raise Unsaid("only `for name in list` can be brought over")
        found = read_expression(opened.tokens[3:])
        if not isinstance(found, Variable):
            raise Unsaid("only over a variable can be looped")
        over = self.names.looked_up(found)
        if isinstance(over, Place):
            raise Unsaid("`loop` is no list")
        return str(words[0].value), over

    def _value(self, found: Expression) -> Pieces:
        match found:
            case Constant(bool() | None):
                raise Unsaid("how true, false and none are written differs from one Jinja to the next")
            case Constant(value):
                return (Text(str(value)),)
            case Variable():
                return (self._looked_up(found),)
            case Together(left, right):
                return (*self._value(left), *self._value(right))
            case Chosen(test, then, otherwise):
                return branched(test, self._value(then), self._value(otherwise), self.names)
            case Filter(name, of) if name in _UNCHANGED:
                return self._value(of)
            case Filter("default" | "d", Variable() as of, arguments):
                return self._default(of, arguments)
            case Filter("tojson", Variable() as of, arguments):
                return (self._json(of, arguments),)
            case Filter(name):
                raise Unsaid(f"the filter `{name}` has no counterpart in Handlebars; hand in the text as it is to be")
            case _:
                raise Unsaid("what is true or false can be tested, not written")

    def _looked_up(self, of: Variable) -> Value:
        found = self.names.looked_up(of)
        if isinstance(found, Place) and found.word != "index":
            raise Unsaid("what is true or false can be tested, not written")
        return Value(found)

    def _default(self, of: Variable, arguments: Sequence[Expression]) -> Pieces:
        match arguments:
            case (Constant() as default,):
                if default.value is None:
                    raise Unsaid("a default of none cannot be brought over")
                return (Value(self.names.defaulted(of, default.value)),)
            case (otherwise, Constant(True)):  # for whatever is false, and not only for what is not there
                value = self._looked_up(of)
                return branched(of, (value,), self._value(otherwise), self.names)
            case _:
                raise Unsaid("a default must be written out to be brought over")

    def _json(self, of: Variable, arguments: Sequence[Expression]) -> Json:
        found = self.names.looked_up(of)
        match arguments:
            case ():
                indent = 0
            case (Constant(int() as indent),) if not isinstance(indent, bool) and 0 <= indent <= 8:
                pass
            case _:
                raise Unsaid("`tojson` takes the number of spaces")
        if isinstance(found, Place):
            raise Unsaid("`loop` has no JSON")
        return Json(found, indent)


def _word(part: Part) -> str:
    return str(part.tokens[0].value) if part.kind == "block" and part.tokens else ""
