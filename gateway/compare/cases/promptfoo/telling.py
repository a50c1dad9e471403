"""What was left out of a suite, and why."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.compare.grading.values import Wrong
from gateway.stores.yamltree import Lines, Path_


class LeftOut(msgspec.Struct, frozen=True):
    """Something that was not taken over. `path`: such as `tests[3].assert[0]`; `line`: 0 where none is known."""

    file: str
    line: int
    path: str
    why: str


class Place(msgspec.Struct, frozen=True):
    """Where something stands: in a file's tree, or at a line of a table."""

    file: str
    path: Path_ = ()
    lines: Lines | None = None
    row: int = 0

    def within(self, *steps: str | int) -> "Place":
        return msgspec.structs.replace(self, path=(*self.path, *steps))

    @property
    def line(self) -> int:
        return self.lines.at(self.path) if self.lines is not None else self.row

    @property
    def text(self) -> str:
        return shown_path(self.path) or (f"row {self.row}" if self.row else "the file")


class Telling:
    """Notes what is left out."""

    def __init__(self) -> None:
        self.left_out: list[LeftOut] = []

    def note(self, place: Place, why: str) -> None:
        found = LeftOut(place.file, place.line, place.text, why)
        if found not in self.left_out:  # a default's assertion is tried with every test
            self.left_out.append(found)

    def keep(
        self, value: Mapping[str, Any], known: Sequence[str], place: Place, why: Mapping[str, str]
    ) -> dict[str, Any]:
        """The mapping with these keys alone; of the others is told why they are left out."""
        for key in value:
            if key not in known:
                self.note(place.within(key), why.get(key, "has no meaning here"))
        return {key: one for key, one in value.items() if key in known}


def shown_path(path: Path_) -> str:
    """`tests[3].assert[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Raises:
    Wrong: it is another thing.
    """
    if not isinstance(value, dict):
        raise Wrong((), f"expected {what}: a mapping (lines of `key: value`)")
    return cast(dict[str, Any], value)


def listed(value: Any) -> list[Any]:
    """The value, or a list of it alone."""
    return cast(list[Any], value) if isinstance(value, list) else [value]
