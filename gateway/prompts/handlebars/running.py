"""One rendering: its output, its bounds, and where in the variables it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from gateway.prompts.handlebars.bodies import Body


class RenderError(ValueError):
    """A template that cannot be rendered with these variables; what is wrong, and what to do."""


class Limits(msgspec.Struct, frozen=True):
    """What a rendering may take.

    Attributes:
        characters: of output. steps: statements carried out, those of a loop once for each item.
        depth: how deep blocks that are handed to partials, and inline partials, may call one another.
    """

    characters: int = 2_000_000
    steps: int = 200_000
    depth: int = 64


class Loop:
    """What `@index`, `@key`, `@first` and `@last` are of."""

    __slots__ = ("count", "index", "key", "outer")

    def __init__(self, count: int, outer: "Loop | None") -> None:
        self.index = 0
        self.key: object = 0
        self.count = count
        self.outer = outer


class Scope:
    """Where `this` is, and what is around it.

    Attributes:
        parent: where `../` is. outer: the block around, by the template's text; block parameters count along it.
        values: of block parameters.
    """

    __slots__ = ("context", "loop", "outer", "parent", "values")

    def __init__(self, context: object, parent: "Scope | None", outer: "Scope | None", loop: Loop | None) -> None:
        self.context = context
        self.parent = parent
        self.outer = outer
        self.loop = loop
        self.values: tuple[object, ...] = ()


# A block that is rendered elsewhere, the scope it stands in, and the block that was handed on around it.
Held = tuple["Body", Scope, Any]


class Output(msgspec.Struct, frozen=True):
    """Attributes:
    pieces: of text. marks: each with the number of pieces before it, in order.
    """

    pieces: list[str]
    marks: list[tuple[int, object]]


class Run:
    """Attributes:
    put: adds a piece of text. marks: objects between pieces, see `mark`.
    steps, room: what is left of both. data: what `@name` finds beyond loops.
    """

    __slots__ = ("block", "data", "depth", "inlines", "limits", "marks", "pieces", "put", "room", "root", "steps")

    def __init__(self, root: Scope, data: Mapping[str, object], limits: Limits) -> None:
        self.pieces: list[str] = []
        self.put = self.pieces.append
        self.marks: list[tuple[int, object]] = []
        self.root, self.data, self.limits = root, data, limits
        self.steps, self.room, self.depth = limits.steps, limits.characters, limits.depth
        self.inlines: Mapping[str, Held] = {}
        self.block: Held | None = None

    def mark(self, mark: object) -> None:
        """Puts an object between what was written and what will be."""
        self.marks.append((len(self.pieces), mark))

    def take(self, steps: int) -> None:
        """Raises: RenderError: so many steps are not left."""
        self.steps -= steps
        if self.steps < 0:
            raise RenderError(
                f"takes more than {self.limits.steps} steps with these variables; shorten the lists that it loops over"
            )

    def make(self, characters: int) -> None:
        """To be told of every text that is made, rather than taken from the template or the variables.

        Raises:
            RenderError: so many characters are not left.
        """
        self.room -= characters
        if self.room < 0:
            raise self.too_long()

    def too_long(self) -> RenderError:
        return RenderError(
            f"makes more than {self.limits.characters} characters with these variables; shorten the longest of them"
        )

    def too_deep(self) -> RenderError:
        return RenderError(f"partials call one another deeper than {self.limits.depth} levels; one may go in circles")

    def finish(self) -> Output:
        """Raises: RenderError: too long. Nothing has been joined by then: what stands in it twice takes no room yet."""
        if sum(map(len, self.pieces)) > self.limits.characters:
            raise self.too_long()
        return Output(self.pieces, self.marks)
