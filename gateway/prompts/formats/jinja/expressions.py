"""What stands in Jinja's tags → trees. Only what can be said otherwise has a tree of its own."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from gateway.prompts.formats.jinja.lexer import Token

MAX_DEPTH, MAX_TOKENS = 32, 400
_CONSTANTS: dict[str, bool | None] = {
    "true": True, "True": True, "false": False, "False": False, "none": None, "None": None, "null": None,
}  # fmt: skip
_COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "if", "else"})
END = Token("end", "")


class Unsaid(ValueError):
    """An expression that cannot be brought over; the message says why."""


class Constant(msgspec.Struct, frozen=True):
    value: str | int | float | bool | None


class Variable(msgspec.Struct, frozen=True):
    parts: tuple[str, ...]


class Filter(msgspec.Struct, frozen=True):
    name: str
    of: "Expression"
    arguments: "tuple[Expression, ...]" = ()


class Not(msgspec.Struct, frozen=True):
    of: "Expression"


class Both(msgspec.Struct, frozen=True):
    left: "Expression"
    right: "Expression"


class Either(msgspec.Struct, frozen=True):
    left: "Expression"
    right: "Expression"


class Compared(msgspec.Struct, frozen=True):
    sign: str
    left: "Expression"
    right: "Expression"


class Chosen(msgspec.Struct, frozen=True):
    """`then if test else otherwise`."""

    test: "Expression"
    then: "Expression"
    otherwise: "Expression"


class Together(msgspec.Struct, frozen=True):
    """`a ~ b`: their texts, one after the other."""

    left: "Expression"
    right: "Expression"


Expression: TypeAlias = Constant | Variable | Filter | Not | Both | Either | Compared | Chosen | Together


def read_expression(tokens: Sequence[Token]) -> Expression:
    """The tree of a whole tag.

    Raises:
        Unsaid: it has something that cannot be brought over.
    """
    if len(tokens) > MAX_TOKENS:
        raise Unsaid(f"has more than {MAX_TOKENS} parts")
    parser = _Parser(tokens)
    found = parser.chosen(0)
    if parser.peek() != END:
        raise Unsaid(f"`{parser.peek().value}` cannot be brought over here")
    return found


class _Parser:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens, self._at = tokens, 0

    def peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else END

    def take(self, kind: str, *values: str) -> Token | None:
        """The next token, if it is one of these."""
        token = self.peek()
        if token.kind != kind or (values and token.value not in values):
            return None
        self._at += 1
        return token

    def chosen(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise Unsaid(f"is nested deeper than {MAX_DEPTH} levels")
        found = self._either(depth + 1)
        if not self.take("name", "if"):
            return found
        test = self._either(depth + 1)
        otherwise = self.chosen(depth + 1) if self.take("name", "else") else Constant("")
        return Chosen(test, found, otherwise)

    def _either(self, depth: int) -> Expression:
        found = self._both(depth)
        while self.take("name", "or"):
            found = Either(found, self._both(depth))
        return found

    def _both(self, depth: int) -> Expression:
        found = self._not(depth)
        while self.take("name", "and"):
            found = Both(found, self._not(depth))
        return found

    def _not(self, depth: int) -> Expression:
        turns = 0
        while self.take("name", "not"):
            turns += 1
        found = self._compared(depth)
        return Not(found) if turns % 2 else found if not turns else Not(Not(found))

    def _compared(self, depth: int) -> Expression:
        found = self._together(depth)
        if sign := self.take("sign", *_COMPARISONS):
            found = Compared(str(sign.value), found, self._together(depth))
        if self.peek().kind == "sign" and self.peek().value in _COMPARISONS:
            raise Unsaid("comparisons in a row cannot be brought over; join them with `and`")
        token = self.peek()
        if token.kind == "name" and token.value in ("in", "is", "not"):
            raise Unsaid(f"the test `{token.value}` has no counterpart in Handlebars")
        return found

    def _together(self, depth: int) -> Expression:
        found = self._filtered(depth)
        while self.take("sign", "~"):
            found = Together(found, self._filtered(depth))
        if (token := self.peek()).kind == "sign" and token.value in ("+", "-", "*", "/", "//", "%", "**"):
            raise Unsaid(f"arithmetic (`{token.value}`) has no counterpart in Handlebars")
        return found

    def _filtered(self, depth: int) -> Expression:
        found = self._primary(depth)
        while self.take("sign", "|"):
            name = self.take("name")
            if name is None:
                raise Unsaid("`|` is followed by no filter")
            found = Filter(str(name.value), found, self._arguments(depth) if self.take("sign", "(") else ())
        return found

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        """Names of arguments (`indent=2`) are left out: the few filters that are known have one each."""
        made: list[Expression] = []
        while not self.take("sign", ")"):
            if made and not self.take("sign", ","):
                raise Unsaid("arguments are divided by commas")
            if self._tokens[self._at + 1 : self._at + 2] == [Token("sign", "=")]:
                self._at += 2
            made.append(self.chosen(depth + 1))
        return tuple(made)

    def _primary(self, depth: int) -> Expression:
        if self.take("sign", "("):
            found = self.chosen(depth + 1)
            if not self.take("sign", ")"):
                raise Unsaid("a parenthesis is not closed, or holds a list")
            return found
        if token := self.take("string") or self.take("number"):
            return Constant(token.value)
        if self.take("sign", "-") and (token := self.take("number")):
            return Constant(-float(token.value) if isinstance(token.value, float) else -int(token.value))
        token = self.take("name")
        if token is None or token.value in _KEYWORDS:
            written = self.peek() if token is None else token
            raise Unsaid("ends too early" if written == END else f"`{written.value}` cannot be brought over here")
        if token.value in _CONSTANTS and self.peek().value not in (".", "[", "("):
            return Constant(_CONSTANTS[str(token.value)])
        return Variable((str(token.value), *self._accesses()))

    def _accesses(self) -> Sequence[str]:
        parts: list[str] = []
        while True:
            if self.take("sign", "."):
                token = self.take("name") or self.take("number")
                if token is None or isinstance(token.value, float):
                    raise Unsaid("a point is followed by no name")
                parts.append(str(token.value))
            elif self.take("sign", "["):
                token = self.take("string") or self.take("number")
                if token is None or isinstance(token.value, float) or not self.take("sign", "]"):
                    raise Unsaid("only texts and numbers that are written out can stand in brackets")
                parts.append(str(token.value))
            elif self.take("sign", "("):
                raise Unsaid("calls of functions and methods have no counterpart in Handlebars")
            else:
                return parts
