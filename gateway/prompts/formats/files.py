"""Files that others wrote, read with no trust."""

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.untyped import is_list, is_mapping, items, mapping

MAX_BYTES = 16 * 1024 * 1024


class File(msgspec.Struct, frozen=True):
    """`path`: what errors call it."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """Without folders."""
        return self.path.replace("\\", "/").rsplit("/", 1)[-1]

    @property
    def stem(self) -> str:
        """Its name without what is behind the first point."""
        return self.name.partition(".")[0]


def read_json(file: File, notes: Notes) -> Any:
    """Raises: ConversionError: too large, or not JSON."""
    data = file.text.encode(errors="replace")
    if len(data) > MAX_BYTES:
        raise notes.error("file", "", f"is larger than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise notes.error("file", file.text[:40], f"is not JSON: {error or 'nested too deeply'}") from None


def objects(found: Any, keys: tuple[str, ...], notes: Notes) -> Iterator[tuple[dict[str, Any], str]]:
    """Each object, and where it is: one alone, a list of them, or a list below one of `keys`.

    Raises:
        ConversionError: there is none.
    """
    path = ""
    if is_mapping(found):
        path = next((key for key in keys if is_list(mapping(found).get(key))), "")
        if not path:
            yield mapping(found), ""
            return
        found = mapping(found)[path]
    if not items(found):
        raise notes.error(path or "file", found, "holds no prompt")
    for index, item in enumerate(items(found)):
        if is_mapping(item):
            yield mapping(item), f"{path}[{index}]"
        else:
            notes.refuse(f"{path}[{index}]", item, "is no prompt (a JSON object)")
