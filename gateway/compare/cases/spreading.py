"""Variables that are lists of texts: one case for each of them, as promptfoo does it; `options.disableVarExpansion`
keeps the list. A variable that is `file://…` is what the file says, and a pattern of files is a list of them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, cast

from gateway.compare.cases.files import PREFIX, Folder
from gateway.compare.grading.values import Wrong, placed
from gateway.stores.yamltree import Path_

# What one test may become.
MAX_CASES = 10_000
NO_FOLDER = "there is no folder here for `file://` to be in; write the value out"


def spread(values: Mapping[str, Any], *, lists: bool, folder: Folder | None, place: Path_) -> Iterator[dict[str, Any]]:
    """Every combination of the variables' values. `lists`: a list of texts stays one value. `place`: of the variables
    in their file.

    Raises:
        Wrong: a file that cannot be read, or far too many combinations.
    """
    choices = [_choices(value, lists, folder, (*place, name)) for name, value in values.items()]
    count = 1
    for one in choices:
        count *= len(one)
    if count > MAX_CASES:
        raise Wrong(place, f"lists of texts make {count} cases of one test; at most {MAX_CASES}")
    for combination in itertools.product(*choices):
        yield dict(zip(values, combination, strict=True))


def _choices(value: Any, lists: bool, folder: Folder | None, place: Path_) -> list[Any]:
    if not isinstance(value, list):
        return _read(value, folder, place)
    found = [each for one in cast(list[Any], value) for each in _read(one, folder, place)]
    return found if found and isinstance(found[0], str) and not lists else [found]


def _read(value: Any, folder: Folder | None, place: Path_) -> list[Any]:
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return [value]
    if folder is None:
        raise Wrong(place, NO_FOLDER)
    return placed(place, lambda: [folder.content(name) for name in folder.matching(value.removeprefix(PREFIX))])
