"""Lines of JSON, as OpenAI's evals take them: `{"item": {…}}`, with `"sample": {…}` where there is an answer."""

from pathlib import Path
from typing import Any

import msgspec

from gateway.compare.cases.digests import digest_of, together
from gateway.compare.cases.outputs import sample_of
from gateway.compare.grading.sample import Sample
from gateway.compare.grading.values import Wrong
from gateway.stores.documents import DocumentError, Text, read_text
from gateway.stores.wording import nearest

MAX_ITEMS = 100_000
_KEYS = ("item", "sample")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `sample`: the answer that it brings, if it does."""

    item: dict[str, Any]
    sample: Sample | None
    line: int
    digest: str


def read_items(source: Path | Text) -> tuple[Item, ...]:
    """The items of a file. Blank lines count for nothing.

    Raises:
        DocumentError: it cannot be read, or a line is no such object; with the line.
    """
    text = read_text(source) if isinstance(source, Path) else source
    found: list[Item] = []
    for number, line in enumerate(text.data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        if len(found) == MAX_ITEMS:
            raise DocumentError(text.name, number, f"holds more than {MAX_ITEMS} items")
        found.append(_item(text.name, number, line))
    if not found:
        raise DocumentError(text.name, 0, 'holds no items; each is a line such as {"item": {"question": "…"}}')
    return tuple(found)


def items_digest(items: tuple[Item, ...]) -> str:
    """`sha256:…` of all of them, in their order."""
    return together(one.digest for one in items)


def _item(name: str, number: int, line: bytes) -> Item:
    try:
        value = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise DocumentError(name, number, f'is not a line such as {{"item": {{…}}}}: {error}') from None
    for key in value:
        if key not in _KEYS:
            raise DocumentError(name, number, f"unknown key `{key}`{nearest(key, list(_KEYS))}")
    item = value.get("item")
    if not isinstance(item, dict):
        raise DocumentError(name, number, "`item` is missing, or is no object")
    try:
        sample = sample_of(value["sample"], "sample") if "sample" in value else None
    except Wrong as error:
        raise DocumentError(name, number, error.reason) from None
    return Item(item=item, sample=sample, line=number, digest=digest_of(value))  # pyright: ignore[reportUnknownArgumentType]
