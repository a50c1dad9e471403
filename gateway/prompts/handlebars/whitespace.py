"""The white space that tags take with them.

`~` takes all of it, up to the next text. A block's beginning, `else` and end, a comment and a partial that stand alone
on their line take the line with them. What is alone is judged by the source, not by what other tags have taken.
"""

import re

from gateway.prompts.handlebars.nodes import Tag

_BLANK_TO_END = re.compile(r"(?:^|\n)[^\S\n]*\Z")
_ENDS_LINE = re.compile(r"\n[^\S\n]*\Z")
_BLANK_LINE = re.compile(r"[^\S\n]*(?:\n|\Z)")
_BEGINS_LINE = re.compile(r"[^\S\n]*\n")
_REST_OF_LINE = re.compile(r"[ \t]*\r?\n?")


def strip(texts: list[str], tags: list[Tag]) -> None:
    """Takes it out of `texts`, in place, and tells partials their indentation."""
    last = len(tags) - 1
    written = texts.copy()
    for index, tag in enumerate(tags):
        alone = tag.kind != "value" and _alone(written[index], written[index + 1], index == 0, index == last)
        if tag.right:
            texts[index + 1] = texts[index + 1].lstrip()
        elif alone:
            texts[index + 1] = texts[index + 1][_rest(written[index + 1]) :]
        if tag.left:
            texts[index] = texts[index].rstrip()
        elif alone:
            kept = texts[index].rstrip(" \t")
            if tag.kind == "partial":
                tag.indent = texts[index][len(kept) :]
            texts[index] = kept


def _alone(before: str, after: str, first: bool, last: bool) -> bool:
    begins = _BLANK_TO_END if first else _ENDS_LINE
    ends = _BLANK_LINE if last else _BEGINS_LINE
    return begins.search(before) is not None and ends.match(after) is not None


def _rest(text: str) -> int:
    found = _REST_OF_LINE.match(text)
    return found.end() if found else 0
