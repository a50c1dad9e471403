"""What helpers are: the words of a template that are more than the name of a value. The caller hands in a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from gateway.prompts.handlebars.nodes import Constant

if TYPE_CHECKING:
    from gateway.prompts.handlebars.running import Run

Values = Sequence[object]
Options = Mapping[str, object]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a helper takes.

    Attributes:
        least, most: how many values. options: the names of its `name=value`; None: any.
        example: how it is written, for who has written it otherwise.
        check: → what is wrong with a value that is written out, or "", when a template is read.
    """

    least: int = 0
    most: int = 0
    options: frozenset[str] | None = frozenset()
    example: str = ""
    check: Callable[[Sequence[Constant | None]], str] | None = None


class Function(Taken, frozen=True, kw_only=True):
    """`{{name a b=c}}` and `(name a b=c)`: a value.

    Raises (of `call`):
        ValueError: it cannot be made of these values; what is wrong.
    """

    call: Callable[["Run", Values, Options], object]


class Writer(Taken, frozen=True, kw_only=True):
    """`{{name a b=c}}` alone: puts something into the output. `call` raises as a function's.

    `literal` tells `call` whether the first value was written out in the template, and is no variable.
    """

    call: Callable[["Run", Values, Options, bool], None]


class Condition(Taken, frozen=True, kw_only=True):
    """`{{#name a b=c}}…{{else}}…{{/name}}`: which of the two."""

    test: Callable[["Run", Values, Options], bool]


class Entering(Taken, frozen=True, kw_only=True):
    """`{{#each a}}` and `{{#with a}}`: what changes what `this` is. `loops`: once for each item."""

    loops: bool


Word: TypeAlias = Function | Writer | Condition | Entering
Words: TypeAlias = Mapping[str, Word]
