"""How long it may take to hold an item against an `item_schema`, told before it is tried.

The validator runs to its end whatever it takes, and nothing else of this process runs meanwhile. Schemas of a few
lines exist that take hours: parts that refer to the next twice each, or `unevaluatedProperties` within one another. So
the parts that may be applied are counted first. The count is an upper bound, and no more than that.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

# Parts of a schema that may be applied at one place of an item; times the places of an item; of all rows of a run.
MAX_PARTS, MAX_ITEM, MAX_RUN = 100_000, 20_000_000, 1_000_000_000
# Parts within one another: the validator calls itself for each, and a stack that overflows ends the process.
MAX_WITHIN = 2_000
MAX_REMEMBERED = 300_000
MAX_PATTERNS = 200
# What a schema must allow for; deeper items of one that refers to itself are told row by row.
USUAL_DEPTH = 4
# As many letters take as long to match as one part to apply.
LETTERS = 16
_HERE_ONE = ("not", "if", "then", "else")
_HERE_LIST = ("allOf", "anyOf", "oneOf")
_HERE_NAMED = ("dependentSchemas", "dependencies")
_BELOW_ONE = (
    *("items", "additionalItems", "additionalProperties", "contains", "propertyNames"),
    *("unevaluatedItems", "unevaluatedProperties", "contentSchema"),
)
_BELOW_LIST = ("prefixItems", "items")
_BELOW_NAMED = ("properties", "patternProperties")
_AGAIN = frozenset({"unevaluatedItems", "unevaluatedProperties"})
# A part with a name of its own is one that paths begin at anew; `id`: draft 4's.
_NAMES = ("$id", "id", "$dynamicRef", "$recursiveRef")
_Count = tuple[int, int]  # parts, and how many of them stand within one another
_Edges = tuple[list[Any], list[Any], int]


class TooMuchWork(ValueError):
    """Says what is too much."""


class Work:
    """Args:
        schema: plain JSON, which the validator takes.

    Attributes:
        spent: by the items so far.

    Raises:
        TooMuchWork: even an item without depth may take too long; or it refers to something that cannot be followed.
    """

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._edges: dict[int, _Edges] = {}
        self._counted: dict[tuple[int, int], _Count] = {}
        self._by_depth: list[int] = []
        self.spent = 0
        if _patterns_in(schema) > MAX_PATTERNS:
            raise TooMuchWork(f"the item_schema has more than {MAX_PATTERNS} patterns")
        for name in _names_itself(schema):
            raise TooMuchWork(f"a part of the item_schema has `{name}`; take `$ref` with a path, as `#/$defs/name`")
        if self._parts(USUAL_DEPTH) > MAX_PARTS:
            raise TooMuchWork(_TOO_MANY)

    def take(self, item: Any) -> None:
        """Count an item in.

        Raises:
            TooMuchWork: it, or all of them, may take too long.
        """
        places, depth = _measured(item)
        parts = self._parts(depth)
        if parts > MAX_PARTS:
            raise TooMuchWork(f"it is {depth} levels deep, too deep for this item_schema, which refers to itself")
        work = parts * places
        self.spent += work
        if work > MAX_ITEM:
            raise TooMuchWork("it has too many values to be held against so large an item_schema")
        if self.spent > MAX_RUN:
            raise TooMuchWork("the rows before it have taken all of the time that there is for so large an item_schema")

    def _parts(self, depth: int) -> int:
        """As many as may be applied along one way down an item that is so deep.

        Raises:
            TooMuchWork: one stands within another so often that the validator would have no room for it.
        """
        known = self._by_depth
        while len(known) <= depth:
            # Each level has parts of its own; so from where the number stays, or is too large, nothing more is to know.
            if known and (known[-1] > MAX_PARTS or (len(known) > 1 and known[-1] == known[-2])):
                return known[-1]
            try:
                parts, within = self._count(self._root, len(known), ())
            except RecursionError:
                parts, within = 0, MAX_WITHIN + 1
            if within > MAX_WITHIN or len(self._counted) > MAX_REMEMBERED:
                raise TooMuchWork(_TOO_DEEP)
            known.append(parts)
        return known[depth]

    def _count(self, node: Any, depth: int, above: tuple[int, ...]) -> _Count:
        if not isinstance(node, dict):
            return 1, 1
        key = (id(cast(object, node)), depth)
        if (known := self._counted.get(key)) is not None:
            return known
        if key[0] in above:
            raise TooMuchWork("a part of the item_schema refers to itself without going deeper into the item")
        here, below, again = self._edges_of(cast(dict[str, Any], node))
        ways = [(one, depth, (*above, key[0])) for one in here]
        ways += [(one, depth - 1, ()) for one in below if depth]
        count, within = 1, 0
        for way in ways:
            parts, deepest = self._count(*way)
            count += again * parts
            within = max(within, deepest)
            if count > MAX_PARTS:
                break
        self._counted[key] = found = (min(count, MAX_PARTS + 1), within + 1)
        return found

    def _edges_of(self, node: dict[str, Any]) -> _Edges:
        """What is applied at the same place, what to values in it, and how often: what looks for what nobody else has
        looked at, lets all others look again."""
        found = self._edges.get(id(node))
        if found is None:
            here = [*_named(node, _HERE_ONE, _HERE_LIST, _HERE_NAMED), *self._referred(node)]
            below = list(_named(node, _BELOW_ONE, _BELOW_LIST, _BELOW_NAMED))
            found = self._edges[id(node)] = (here, below, 3 if _AGAIN & node.keys() else 1)
        return found

    def _referred(self, node: Mapping[str, Any]) -> Iterator[Any]:
        reference = node.get("$ref")
        if reference is None:
            return
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            told = str(reference)[:100]
            raise TooMuchWork(f"`$ref` to `{told}` is not followed here; take a path within it, as `#/$defs/name`")
        yield _at(self._root, reference)


_TOO_DEEP = "too many parts of the item_schema stand within one another, or refer to one another in too long a chain"
_TOO_MANY = (
    f"the item_schema may apply more than {MAX_PARTS:,} of its parts to one item, as parts refer to one another again "
    "and again; make it plainer"
)


def _named(node: Mapping[str, Any], *names: tuple[str, ...]) -> Iterator[Any]:
    """The schemas under names that hold one, a list of them, or them by name."""
    one, several, by_name = names
    yield from (value for name in one if isinstance(value := node.get(name), dict))
    for name in several:
        if isinstance(value := node.get(name), list):
            yield from cast(list[Any], value)
    for name in by_name:
        if isinstance(value := node.get(name), dict):
            yield from cast(dict[str, Any], value).values()


def _names_itself(schema: Any) -> Iterator[str]:
    """Keywords in it that lead elsewhere than a path from its root does."""
    old = isinstance(schema, dict) and "draft-04" in str(cast(dict[str, Any], schema).get("$schema"))
    names = [name for name in _NAMES if old or name != "id"]
    for found in _objects_in(schema):
        if found is not schema:
            yield from (name for name in names if isinstance(found.get(name), str))
        else:
            yield from (name for name in _NAMES[2:] if name in found)


def _patterns_in(schema: Any) -> int:
    count = 0
    for found in _objects_in(schema):
        by_pattern = found.get("patternProperties")
        count += isinstance(found.get("pattern"), str)
        count += len(cast(dict[str, Any], by_pattern)) if isinstance(by_pattern, dict) else 0
    return count


def _objects_in(value: Any) -> Iterator[dict[str, Any]]:
    waiting: list[Any] = [value]
    while waiting:
        node: Any = waiting.pop()
        if isinstance(node, dict):
            found = cast(dict[str, Any], node)
            yield found
            waiting += found.values()
        elif isinstance(node, list):
            waiting += cast(list[Any], node)


def _at(root: Any, reference: str) -> Any:
    """What a JSON pointer (RFC 6901) in a fragment leads to."""
    node = root
    for step in unquote(reference).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = cast(dict[str, Any], node).get(key)
        elif isinstance(node, list) and key.isdecimal() and len(key) < 7 and int(key) < len(cast(list[Any], node)):
            node = cast(list[Any], node)[int(key)]
        else:
            node = None
    return node


def _measured(item: Any) -> tuple[int, int]:
    """How many values it has, long texts being several, and how deep it is."""
    places, depth = 0, 0
    level = [item]
    while level:
        depth += 1
        deeper: list[Any] = []
        for one in level:
            places += 1
            if isinstance(one, str):
                places += len(one) // LETTERS
            elif isinstance(one, dict):
                deeper += cast(dict[str, Any], one).values()
                places += sum(map(len, cast(dict[str, Any], one))) // LETTERS
            elif isinstance(one, list):
                deeper += cast(list[Any], one)
        level = deeper
    return places, depth
