"""What names in a Jinja template mean: a variable of the prompt, a loop's item, or `loop`."""

from collections.abc import Mapping

from gateway.prompts.formats.jinja.expressions import Unsaid, Variable
from gateway.prompts.formats.pieces import Name, Place

_PLACES: Mapping[str, Place] = {"index0": Place("index"), "first": Place("first"), "last": Place("last")}


class Names:
    """Attributes:
    loops: variables of the loops around, outermost first.
    defaults: what a variable of the prompt is where it is not given. plain: variables that stand without one.
    """

    def __init__(self) -> None:
        self.loops: list[str] = []
        self.defaults: dict[str, object] = {}
        self.plain: set[str] = set()

    def looked_up(self, variable: Variable) -> Name | Place:
        """Raises: Unsaid: something of `loop` that Handlebars does not know."""
        found = self._found(variable)
        if isinstance(found, Name) and not found.level:
            self.plain.add(found.parts[0])
        return found

    def defaulted(self, variable: Variable, value: object) -> Name:
        """The variable, where `default(value)` stands behind it.

        Raises:
            Unsaid: it is not the prompt's own, or has another default elsewhere.
        """
        found = self._found(variable)
        if not isinstance(found, Name) or found.level or len(variable.parts) > 1:
            raise Unsaid("`default` cannot be brought over but for a variable of the prompt")
        name = ".".join(found.parts)
        if self.defaults.setdefault(name, value) != value:
            raise Unsaid(f"`{name}` has several defaults; a variable can have one")
        return found

    def _found(self, variable: Variable) -> Name | Place:
        root, rest = variable.parts[0], variable.parts[1:]
        if root == "loop" and self.loops and "loop" not in self.loops:
            if len(rest) != 1 or rest[0] not in _PLACES:
                raise Unsaid(
                    f"`loop.{'.'.join(rest)}` has no counterpart in Handlebars, which counts from 0 (`loop.index0`)"
                )
            return _PLACES[rest[0]]
        for level in range(len(self.loops), 0, -1):
            if self.loops[level - 1] == root:
                return Name(rest, level)
        return Name(variable.parts)
