"""Where each value of a YAML text stands, to the character: for changing one and leaving all else as it was written."""

from typing import Any

import msgspec
import yaml

from gateway.stores.yamltree import Path_


class Span(msgspec.Struct, frozen=True):
    """From `start` up to, but not with, `end`. `flow`: written in `{}` or `[]`. `column`: of its beginning."""

    start: int
    end: int
    flow: bool
    column: int


def spans_of(text: str) -> dict[Path_, Span]:
    """Of every value, by its path; the whole document has the path `()`.

    Raises:
        ValueError: it is not YAML.
    """
    library: Any = yaml  # without types
    try:
        # Python's own parser counts characters; the quicker one in C may count bytes.
        node = library.compose(text, Loader=library.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"is not valid YAML: {str(error).splitlines()[0]}") from None
    found: dict[Path_, Span] = {}
    if node is not None:
        _add(node, (), found)
    return found


def _add(node: Any, path: Path_, found: dict[Path_, Span]) -> int:
    """Adds a value and what is in it; → where it ends. A block's own mark is where the next thing begins."""
    end: int = node.end_mark.index
    flow = bool(getattr(node, "flow_style", False))
    inner: list[tuple[Any, Path_]] = []
    if isinstance(node, yaml.MappingNode):
        inner = [(value, (*path, str(key.value))) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(value, (*path, index)) for index, value in enumerate(node.value)]
    ends = [_add(value, where, found) for value, where in inner]
    if ends and not flow:
        end = ends[-1]
    found[path] = Span(node.start_mark.index, end, flow, node.start_mark.column)
    return end
