"""The white space that tags take with them.

`~` takes all of it, up to the next text. A block's beginning, `else` and end, a comment and a partial that stand alone
on their line take the line with them. What is alone is judged by the source, not by what other tags have taken.
"""

import re

from gateway.prompts.handlebars.nodes import Tag

_WITHIN_LINE = " \t\r\f\v"
_REST_OF_LINE = re.compile(r"[ \t]*\r?\n?")


def strip(texts: list[str], tags: list[Tag]) -> None:
    """Takes it out of `texts`, in place, and tells partials their indentation."""
    last = len(tags) - 1
    after = texts[0]
    for index, tag in enumerate(tags):
        before, after = after, texts[index + 1]
        if tag.kind == "value":
            if tag.left:
                texts[index] = texts[index].rstrip()
            if tag.right:
                texts[index + 1] = after.lstrip()
            continue
        alone = _ends(before, index == 0) and _begins(after, index == last)
        if tag.right:
            texts[index + 1] = after.lstrip()
        elif alone and (found := _REST_OF_LINE.match(after)):
            texts[index + 1] = after[found.end() :]
        if tag.left:
            texts[index] = texts[index].rstrip()
        elif alone:
            kept = texts[index].rstrip(" \t")
            if tag.kind == "partial":
                tag.indent = texts[index][len(kept) :]
            texts[index] = kept


def _ends(text: str, first: bool) -> bool:
    """Whether nothing stands between the beginning of a line and the end of the text."""
    kept = text.rstrip(_WITHIN_LINE)
    return kept[-1:] == "\n" or (first and not kept)


def _begins(text: str, last: bool) -> bool:
    kept = text.lstrip(_WITHIN_LINE)
    return kept[:1] == "\n" or (last and not kept)
