"""Texts and tags → a Handlebars source that renders to exactly these texts.

Handlebars reads more into a text than it says: `{{` begins a tag, backslashes before one escape it, a brace next to one
becomes part of it, and a tag alone on its line takes the line with it (handlebarsjs.com/guide/expressions.html,
"Whitespace Control" and "Escaping"). All of it is undone here, so that whoever makes tags need not think of it.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

NOTHING = "! "  # the inside of a tag that puts nothing into the text

_BRACES = re.compile(r"(\\*)\{\{")
_INDENT = re.compile(r"(?:^|\n)([^\S\n]*)\Z")
_ENDS_LINE = re.compile(r"\n[^\S\n]*\Z")
_BLANK = re.compile(r"[^\S\n]*\Z")
_BEGINS_LINE = re.compile(r"[^\S\n]*\n")


class Tag(msgspec.Struct):
    """`{{inside}}`.

    Attributes:
        alone: it takes its line with it where it stands alone, as blocks and comments do.
        left, right: it takes the white space on that side.
    """

    inside: str
    alone: bool = False
    left: bool = False
    right: bool = False

    def __str__(self) -> str:
        return f"{{{{{'~' * self.left}{self.inside}{'~' * self.right}}}}}"


def written(items: Sequence[str | Tag], closed: bool = False) -> str:
    """The source. White space at its beginning and its end is kept by a tag outside of it: readers of files strip it.

    `closed`: a tag stands at the end in any case, and takes the white space that comes behind it.
    """
    texts, tags = _alternating(items)
    if texts[0] != texts[0].lstrip():
        texts.insert(0, "")
        tags.insert(0, Tag(NOTHING, alone=True))
    if closed or texts[-1] != texts[-1].rstrip():
        texts.append("")
        tags.append(Tag(NOTHING, alone=True, right=closed))
    _hold_lines(texts, tags)
    return "".join(_sides(texts, tags))


def _alternating(items: Sequence[str | Tag]) -> tuple[list[str], list[Tag]]:
    """Always one text more than tags; braces in texts escaped."""
    texts, tags, held = [""], list[Tag](), ""
    for item in (*items, Tag("")):
        if isinstance(item, str):
            held += item
            continue
        for text in _escaped(held):
            if isinstance(text, Tag):
                tags.append(text)
                texts.append("")
            else:
                texts[-1] += text
        held = ""
        tags.append(item)
        texts.append("")
    return texts[:-1], tags[:-1]


def _escaped(text: str) -> Iterator[str | Tag]:
    """`\\{{` means the braces. Behind a backslash it would mean a backslash and a tag: there one that is empty goes
    between."""
    start = 0
    for found in _BRACES.finditer(text):
        if found[1]:
            yield text[start : found.end(1)]
            yield Tag(NOTHING, alone=True)
        else:
            yield text[start : found.start()]
        yield "\\{{"
        start = found.end()
    yield text[start:]


def _hold_lines(texts: list[str], tags: list[Tag]) -> None:
    """What a tag alone on its line would take is put there once more; before an indented one, an empty tag keeps it
    from being alone."""
    index = 0
    while index < len(tags):
        if tags[index].alone and _alone(texts, tags, index):
            if (indent := _INDENT.search(texts[index])) and indent[1]:
                tags.insert(index, Tag(NOTHING, alone=True))
                texts.insert(index + 1, "")
                index += 1
            elif texts[index + 1] and not _taken(texts, tags, index + 1):
                texts[index + 1] = "\n" + texts[index + 1]
        index += 1


def _taken(texts: Sequence[str], tags: Sequence[Tag], index: int) -> bool:
    """Whether the next tag takes all of this text anyway."""
    return index < len(tags) and tags[index].left and not texts[index].strip()


def _alone(texts: Sequence[str], tags: Sequence[Tag], index: int) -> bool:
    before, after = texts[index], texts[index + 1]
    begins = _ENDS_LINE.search(before) or (index == 0 and _BLANK.match(before))
    ends = _BEGINS_LINE.match(after) or (index == len(tags) - 1 and _BLANK.match(after))
    return bool(begins) and bool(ends)


def _sides(texts: Sequence[str], tags: Sequence[Tag]) -> Iterator[str]:
    """A backslash before a tag is doubled; a brace beside one stands off, by a space that the tag takes."""
    yield _before(texts[0], tags[0]) if tags else texts[0]
    for index, tag in enumerate(tags):
        after = texts[index + 1]
        tag.right = tag.right or after.startswith("}")
        yield str(tag)
        after = f" {after}" if after.startswith("}") else after
        yield _before(after, tags[index + 1]) if index + 1 < len(tags) else after


def _before(text: str, tag: Tag) -> str:
    if text.endswith("{"):
        tag.left = True
        return text + " "
    return text + "\\" if text.endswith("\\") else text
