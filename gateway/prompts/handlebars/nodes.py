"""What a template consists of. `at` is an offset in its source."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

Kind = Literal["value", "block", "inverted", "else", "chain", "close", "partial", "partial_block", "inline", "comment"]


class Constant(msgspec.Struct, gc=False):
    """A text, a number, true, false, null or undefined. `written`: as it stands, without quotes."""

    value: object
    written: str
    at: int


class Path(msgspec.Struct, gc=False):
    """A way to a value.

    Attributes:
        parts: the keys, outermost first; none for `this`, `.` and `..`.
        up: how many `../`. data: begins with `@`. scoped: begins with `this`, `.` or `..`, so that no helper is meant.
    """

    parts: tuple[str, ...]
    up: int
    data: bool
    scoped: bool
    written: str
    at: int


class Call(msgspec.Struct, gc=False):
    """What stands in a tag or in parentheses: a path, and what is handed to it if it names a helper."""

    path: "Path | Constant"
    params: Sequence["Expression"]
    options: Sequence[tuple[str, "Expression"]]
    at: int

    @property
    def bare(self) -> bool:
        return not self.params and not self.options


Expression: TypeAlias = Constant | Path | Call


class Tag(msgspec.Struct, gc=False):
    """One `{{…}}`.

    Attributes:
        left, right: whether a `~` takes the white space on that side.
        names: block parameters, `as |a b|`. text: what a raw block holds.
        indent: of a partial alone on its line: the white space before it.
    """

    kind: Kind
    at: int
    left: bool
    right: bool
    call: Call | None = None
    names: tuple[str, ...] = ()
    indent: str = ""


class Block(msgspec.Struct, gc=False):
    """Attributes:
    inner: what it holds. otherwise: after `else`. The two are swapped already for `{{^…}}`.
    """

    tag: Tag
    inner: "Program"
    otherwise: "Program"


Statement: TypeAlias = Tag | Block


class Program(msgspec.Struct, gc=False):
    """A sequence: a text before each statement, and one after the last; `inlines` are the partials defined in it."""

    steps: list[tuple[str, Statement]]
    tail: str
    inlines: list[Block]

    @property
    def empty(self) -> bool:
        return not self.steps and not self.tail
