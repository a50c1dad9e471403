"""A template as its author sees it: stretches of words between the marks of roles, and the tags within them.

What is tuned is words. Tags stay: the same ones, in the same order, whatever stands between them.
"""

import re
from collections.abc import Sequence

import msgspec

from gateway.prompts.handlebars.lexer import cut, spans
from gateway.prompts.handlebars.nodes import Constant, Tag
from gateway.prompts.handlebars.sources import Source

ROLE, HISTORY = "role", "history"
_OPENS = frozenset({"block", "inverted", "partial_block", "inline"})
BEGIN = "{{!-- examples begin: chosen by `gateway prompts tune` --}}"
END = "{{!-- examples end --}}"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """What stands between two marks.

    Attributes:
        name: its role, with a number if it is not the first of its kind; `history` behind the history.
        mark, start, end: where its mark begins (where the section does, if it has none), and where its text does and
            ends; offsets in the body.
        top: its mark stands in no block.
    """

    name: str
    role: str
    mark: int
    start: int
    end: int
    top: bool = True


class Layout(msgspec.Struct, frozen=True):
    """`tags`: where they begin and end."""

    body: str
    sections: tuple[Section, ...]
    tags: tuple[tuple[int, int], ...]

    @property
    def words(self) -> dict[str, str]:
        """What may be changed, by the section's name: the text of sections that have words in them, tags included,
        without the white space around it."""
        return {
            one.name: self.text(one).strip()
            for one in self.sections
            if one.role in ("system", "user") and _words(self.body, one.start, one.end, self.tags)
        }

    def text(self, section: Section) -> str:
        return self.body[section.start : section.end]

    def written(self) -> list[str]:
        """The tags, as they are written."""
        return [self.body[begin:end] for begin, end in self.tags]

    def within(self, section: Section) -> list[str]:
        """The tags of a section."""
        return [self.body[begin:end] for begin, end in self.tags if section.start <= begin < section.end]


def layout_of(body: str) -> Layout:
    """Raises:
    TemplateError: it cannot be read.
    """
    source = Source(body, "the proposal")
    tags = {tag.at: tag for tag in cut(source)[1]}
    places = spans(source)
    marks: list[tuple[str, int, int, bool]] = []
    depth = 0
    for begin, end in places:
        tag = tags[begin]
        if tag.kind in _OPENS:
            depth += 1
        elif tag.kind == "close":
            depth -= 1
        elif role := _role(tag):
            marks.append((role, begin, end, depth == 0))
    bounds = [("user", 0, 0, True), *marks]
    ends = [*(mark[1] for mark in marks), len(body)]
    counted: dict[str, int] = {}
    sections: list[Section] = []
    for number, ((role, mark, start, top), end) in enumerate(zip(bounds, ends, strict=True)):
        if number == 0 and marks and not _words(body, start, end, places):
            continue  # nothing is said before the first mark
        counted[role] = counted.get(role, 0) + 1
        name = role if counted[role] == 1 else f"{role} {counted[role]}"
        sections.append(Section(name=name, role=role, mark=mark, start=start, end=end, top=top))
    return Layout(body, tuple(sections), tuple(places))


def _words(body: str, start: int, end: int, tags: Sequence[tuple[int, int]]) -> bool:
    """Whether there are letters between the tags of a stretch."""
    pieces: list[str] = []
    for begin, stop in tags:
        if start <= begin < end:
            pieces.append(body[start:begin])
            start = stop
    return any(letter.isalpha() for letter in "".join([*pieces, body[start:end]]))


def _role(tag: Tag) -> str:
    """The role that a tag begins; empty, if it begins none."""
    if tag.kind != "value" or tag.call is None or tag.call.path.written not in (ROLE, HISTORY):
        return ""
    if tag.call.path.written == HISTORY:
        return HISTORY
    first = tag.call.params[0] if tag.call.params else None
    return str(first.value) if isinstance(first, Constant) else ROLE


def with_words(layout: Layout, words: dict[str, str]) -> str:
    """The body with other words in some of its sections; the white space around them stays."""
    pieces: list[str] = []
    at = 0
    for section in layout.sections:
        if section.name not in words:
            continue
        old = layout.text(section)
        bare = old.strip()
        lead = old[: len(old) - len(old.lstrip())]
        trail = old[len(old.rstrip()) :] if bare else ""
        pieces += layout.body[at : section.start], lead, words[section.name].strip(), trail
        at = section.end
    return "".join([*pieces, layout.body[at:]])


def place_of_examples(layout: Layout) -> int | None:
    """The offset before which examples go: the history's mark, else the last message's, if that is the user's. None:
    there is no such place."""
    for section in layout.sections:
        if section.role == HISTORY and section.top:
            return section.mark
    last = layout.sections[-1] if layout.sections else None
    return last.mark if last is not None and last.role == "user" and last.top else None


def without_examples(body: str) -> tuple[str, str]:
    """The body without the examples that an earlier tuning has put there, and those."""
    begin = _mark(BEGIN).search(body)
    end = _mark(END).search(body, begin.end()) if begin is not None else None
    if begin is None or end is None:
        return body, ""
    return body[: begin.start()] + body[end.end() :], body[begin.start() : end.end()]


def _mark(text: str) -> re.Pattern[str]:
    """The mark where it is one: behind a backslash it is what an example says."""
    return re.compile(rf"(?<!\\){re.escape(text)}")
