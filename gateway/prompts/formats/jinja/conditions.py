"""Conditions of Jinja → branches. `and`, `or` and `not` become branches within branches: each tests one value."""

from collections.abc import Sequence

from gateway.prompts.formats.jinja.expressions import (
    Both,
    Chosen,
    Compared,
    Constant,
    Either,
    Expression,
    Filter,
    Not,
    Unsaid,
    Variable,
)
from gateway.prompts.formats.jinja.names import Names
from gateway.prompts.formats.pieces import Branch, Name, Piece, Place, Same, Text, walk

# What stands under `or`, or after an `else` of `and`, is written twice; larger than this, nobody could read it.
MAX_TWICE = 2000
_LENGTHS = {(">", 0), ("!=", 0), (">=", 1)}

Pieces = tuple[Piece, ...]


def branched(test: Expression, then: Pieces, otherwise: Pieces, names: Names) -> Pieces:
    """`then` where the condition holds, `otherwise` where it does not.

    Raises:
        Unsaid: Handlebars has no words for the condition.
    """
    match test:
        case Not(of):
            return branched(of, otherwise, then, names)
        case Both(left, right):
            _check(otherwise)
            return branched(left, branched(right, then, otherwise, names), otherwise, names)
        case Either(left, right):
            _check(then)
            return branched(left, then, branched(right, then, otherwise, names), names)
        case Chosen(inner, left, right):
            _check(then)
            _check(otherwise)
            return branched(
                inner, branched(left, then, otherwise, names), branched(right, then, otherwise, names), names
            )
        case Constant(value):
            return then if value else otherwise
        case Variable():
            return _branch(names.looked_up(test), then, otherwise)
        case Filter("length" | "count", Variable() as of):
            return _branch(names.looked_up(of), then, otherwise)
        case Compared(sign, left, right):
            return _compared(sign, left, right, then, otherwise, names)
        case Filter(name):
            raise Unsaid(f"the filter `{name}` cannot be brought over in a condition")
        case _:
            raise Unsaid("this condition cannot be brought over")


def _compared(sign: str, left: Expression, right: Expression, then: Pieces, otherwise: Pieces, names: Names) -> Pieces:
    match left, right:
        case Filter("length" | "count", Variable() as of), Constant(value) if (sign, value) in _LENGTHS:
            return _branch(names.looked_up(of), then, otherwise)
        case Filter("length" | "count", Variable() as of), Constant(0) if sign == "==":
            return _branch(names.looked_up(of), otherwise, then)
        case _:
            pass
    if sign not in ("==", "!="):
        raise Unsaid(f"`{sign}` has no counterpart in Handlebars; hand in a variable that is true or false")
    if isinstance(left, Constant):
        left, right = right, left
    if not isinstance(left, Variable) or not isinstance(right, Constant | Variable):
        raise Unsaid("only a variable can be compared, with another or with a text or number that is written out")
    compared = right.value if isinstance(right, Constant) else names.looked_up(right)
    if compared is None or isinstance(compared, Place):
        raise Unsaid("a comparison with none has no counterpart in Handlebars; test the variable itself")
    test = Same(names.looked_up(left), compared)
    return _branch(test, then, otherwise) if sign == "==" else _branch(test, otherwise, then)


def _branch(test: Name | Place | Same, then: Pieces, otherwise: Pieces) -> Pieces:
    return (Branch(test, then, otherwise),) if then or otherwise else ()


def _check(twice: Sequence[Piece]) -> None:
    size = 0
    for piece in walk(twice):
        size += 8 + (len(piece.text) if isinstance(piece, Text) else 0)
        if size > MAX_TWICE:
            raise Unsaid("`and` and `or` would have this text written several times; put the condition in a variable")
