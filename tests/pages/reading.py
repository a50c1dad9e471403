"""What readers make of pages and comments: the tags that are there, and the text that is seen."""

from html.parser import HTMLParser
from typing import Any

import cmarkgfm
from cmarkgfm.cmark import Options

VOID = {"meta", "br", "input"}


class Reading(HTMLParser):
    """What a browser makes of a page; every element ends where it should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data


class Rendered(HTMLParser):
    """What is made of Markdown: the tags in their order, and the texts outside and inside of `code`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.outside, self.inside, self.comments = "", "", 0
        self._depth = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._depth += tag == "code"
        if tag != "code":
            self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "code"
        if tag != "code":
            self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.inside += data
        else:
            self.outside += data

    def handle_comment(self, data: str) -> None:
        self.comments += 1


def rendered(markdown: str) -> Rendered:
    """As GitHub renders it, HTML in it included."""
    return Rendered(cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE))
