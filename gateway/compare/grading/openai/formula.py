"""`calculate_output`: arithmetic over the scores of graders, such as `0.5 * match + 0.5 * max(style, tone)`.

+ - * / ^ and parentheses; min, max, abs, floor, ceil, exp, sqrt, log; names of graders. Nothing is evaluated but
this: a formula comes from outside.

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor)*
    factor  = ("-" | "+") factor | power
    power   = atom ("^" factor)?
    atom    = number | name | name "(" sum ("," sum)* ")" | "(" sum ")"
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from gateway.compare.grading.grades import Ungradable
from gateway.stores.wording import nearest

MAX_LENGTH = 2_000
MAX_DEPTH = 50
_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|([A-Za-z_]\w*)|([-+*/^(),]))")
Value = Callable[[Mapping[str, float]], float]
_OF_ONE: Mapping[str, Callable[[float], float]] = {
    "abs": lambda number: abs(number),
    "floor": math.floor,
    "ceil": math.ceil,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "log": lambda number: math.log(number),
}
_OF_SEVERAL: Mapping[str, Callable[[Iterable[float]], float]] = {"min": min, "max": max}
_FUNCTIONS = (*_OF_ONE, *_OF_SEVERAL)


class Formula:
    """Args:
        names: of the graders whose scores it may use.

    Raises:
        ValueError: it is no such formula.
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text = text
        if len(text) > MAX_LENGTH:
            raise ValueError(f"a formula has at most {MAX_LENGTH} letters")
        self._value = _Parser(text, names).whole()

    def value(self, scores: Mapping[str, float]) -> float:
        """Raises:
        Ungradable: the scores make no number of it, as a division by nothing does.
        """
        try:
            found = self._value(scores)
        except (ArithmeticError, ValueError, TypeError, RecursionError) as error:  # of complex numbers, of 900 terms
            raise Ungradable(f"`{self.text}` has no value: {error}") from None
        if isinstance(found, complex) or not math.isfinite(found):
            raise Ungradable(f"`{self.text}` has no value that is a number")
        return float(found)


class _Parser:
    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text, self._names, self._depth = text, names, 0
        self._tokens: list[str] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise ValueError(f"`{text[at:].strip()[:20]}` is not understood in a formula")
            self._tokens.append(found[0].strip())
            at = found.end()
        self._at = 0

    def whole(self) -> Value:
        value = self._sum()
        if self._next():
            raise ValueError(f"`{self._next()}` is left over in the formula")
        return value

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _takes(self, *words: str) -> str:
        token = self._next()
        if token in words and token:
            self._at += 1
            return token
        return ""

    def _must(self, word: str) -> None:
        if not self._takes(word):
            raise ValueError(
                f"expected `{word}` in the formula, found {f'`{self._next()}`' if self._next() else 'its end'}"
            )

    def _sum(self) -> Value:
        value = self._product()
        while sign := self._takes("+", "-"):
            value = _joined(sign, value, self._product())
        return value

    def _product(self) -> Value:
        value = self._factor()
        while sign := self._takes("*", "/"):
            value = _joined(sign, value, self._factor())
        return value

    def _factor(self) -> Value:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("the formula is nested too deeply")
        try:
            if self._takes("-"):
                inner = self._factor()
                return lambda scores: -inner(scores)
            if self._takes("+"):
                return self._factor()
            base = self._atom()
            return _joined("^", base, self._factor()) if self._takes("^") else base
        finally:
            self._depth -= 1

    def _atom(self) -> Value:
        if self._takes("("):
            value = self._sum()
            self._must(")")
            return value
        token = self._next()
        self._at += 1
        if token[:1].isdigit() or token[:1] == ".":
            number = float(token)
            return lambda _: number
        if token in _FUNCTIONS and self._next() == "(":
            return self._call(token)
        if token in self._names:
            return lambda scores: scores[token]
        if token[:1].isalpha() or token[:1] == "_":
            raise ValueError(f"there is no grader `{token}`{nearest(token, [*self._names, *_FUNCTIONS])}")
        raise ValueError(f"expected a number or a grader's name, found {f'`{token}`' if token else 'the end'}")

    def _call(self, name: str) -> Value:
        self._must("(")
        arguments = [self._sum()]
        while self._takes(","):
            arguments.append(self._sum())
        self._must(")")
        if name in _OF_SEVERAL:
            several = _OF_SEVERAL[name]
            return lambda scores: several(one(scores) for one in arguments)
        if len(arguments) != 1:
            raise ValueError(f"{name} is of one number, not of {len(arguments)}")
        function, argument = _OF_ONE[name], arguments[0]
        return lambda scores: function(argument(scores))


def _joined(sign: str, one: Value, other: Value) -> Value:
    if sign == "+":
        return lambda scores: one(scores) + other(scores)
    if sign == "-":
        return lambda scores: one(scores) - other(scores)
    if sign == "*":
        return lambda scores: one(scores) * other(scores)
    if sign == "/":
        return lambda scores: one(scores) / other(scores)
    return lambda scores: one(scores) ** other(scores)
