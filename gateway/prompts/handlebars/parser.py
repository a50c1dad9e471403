"""Texts and tags → a tree of blocks."""

from gateway.prompts.handlebars.lexer import cut
from gateway.prompts.handlebars.nodes import Block, Program, Tag
from gateway.prompts.handlebars.sources import Source
from gateway.prompts.handlebars.whitespace import strip

MAX_DEPTH = 32
_SIGNS = {"block": "#", "inverted": "^", "partial_block": "#>", "inline": "#*"}


def parse(source: Source, laid_out: bool = True) -> Program:
    """The tree of a template.

    Args:
        laid_out: whether the white space around tags is dealt with; without it the tree is fit to be examined only.

    Raises:
        TemplateError: a tag that cannot be read, or a block that is not closed, closed twice, or nested too deeply.
    """
    texts, tags = cut(source)
    if not tags:
        return Program([], texts[0], [])
    if laid_out:
        strip(texts, tags)
    return _Parser(source).parse(texts, tags)


class _Open:
    """A block whose end has not been seen; `before`: the text before it. The whole template is one without a tag."""

    __slots__ = ("before", "body", "chained", "inner", "otherwise", "tag")

    def __init__(self, tag: Tag | None, before: str, chained: bool) -> None:
        self.tag = tag
        self.before = before
        self.chained = chained
        self.inner = self.body = Program([], "", [])
        self.otherwise: Program | None = None


class _Parser:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._open = [_Open(None, "", False)]
        self._texts: list[str] = []  # before the next statement

    def parse(self, texts: list[str], tags: list[Tag]) -> Program:
        for text, tag in zip(texts, tags, strict=False):
            self._texts.append(text)
            kind = tag.kind
            if kind == "value" or kind == "partial":
                self._open[-1].body.steps.append((self._taken(), tag))
            elif kind == "close":
                self._close(tag)
            elif kind == "else" or kind == "chain":
                self._otherwise(tag)
            elif kind != "comment":
                self._begin(tag, False)
        opened = self._open[-1]
        if opened.tag is not None:
            raise self._source.error(opened.tag.at, f"is not closed; end it with {{{{/{_written(opened.tag)}}}}}")
        self._texts.append(texts[-1])
        opened.body.tail = self._taken()
        return opened.body

    def _begin(self, tag: Tag, chained: bool) -> None:
        if len(self._open) > MAX_DEPTH:
            raise self._source.error(tag.at, f"blocks stand deeper than {MAX_DEPTH} levels")
        self._open.append(_Open(tag, self._taken(), chained))

    def _otherwise(self, tag: Tag) -> None:
        opened = self._open[-1]
        if opened.tag is None:
            raise self._source.error(tag.at, "`else` stands in no block")
        if opened.otherwise is not None:
            raise self._source.error(tag.at, "a block has one `else`, and nothing but its end behind it")
        if opened.tag.kind in ("partial_block", "inline"):
            raise self._source.error(tag.at, f"{{{{{_SIGNS[opened.tag.kind]} …}}}} has no `else`")
        opened.body.tail = self._taken()
        opened.body = opened.otherwise = Program([], "", [])
        if tag.kind == "chain":
            tag.kind = "block"
            self._begin(tag, True)

    def _close(self, tag: Tag) -> None:
        while (opened := self._open[-1]).chained:  # `{{else if …}}` has no end of its own
            self._end(opened, opened.tag)
        if opened.tag is None:
            raise self._source.error(tag.at, f"closes {_written(tag)}, which is not open")
        if _written(opened.tag) != _written(tag):
            begun = f"{{{{{_SIGNS[opened.tag.kind]}{_written(opened.tag)} …}}}}"
            line = self._source.error(opened.tag.at, "").line
            raise self._source.error(tag.at, f"closes {_written(tag)}, but what is open is {begun} of line {line}")
        self._end(opened, opened.tag)

    def _end(self, opened: _Open, tag: Tag | None) -> None:
        """Takes the innermost block from what is open, and puts it where it stands."""
        if tag is None:
            return
        self._open.pop()
        opened.body.tail = self._taken()
        outer = self._open[-1].body
        otherwise = opened.otherwise or Program([], "", [])
        if tag.kind == "inline":
            outer.inlines.append(Block(tag, opened.inner, otherwise))
            self._texts.append(opened.before)  # goes on behind it
            return
        branches = (otherwise, opened.inner) if tag.kind == "inverted" else (opened.inner, otherwise)
        outer.steps.append((opened.before, Block(tag, *branches)))

    def _taken(self) -> str:
        """The text up to here, which is whole."""
        texts = self._texts
        text = texts[0] if len(texts) == 1 else "".join(texts)
        texts.clear()
        return text


def _written(tag: Tag) -> str:
    """How a block is called at its end."""
    return tag.call.path.written if tag.call is not None else ""
