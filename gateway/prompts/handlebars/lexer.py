"""A source, cut into texts and tags. Positions of errors are exact; nothing is looked at twice."""

import re
from typing import cast

from gateway.prompts.handlebars.nodes import Call, Constant, Expression, Kind, Path, Tag
from gateway.prompts.handlebars.sources import Source
from gateway.prompts.handlebars.values import UNDEFINED

MAX_PARENTHESES = 16
# Of Handlebars' grammar: a name is what is none of the characters that mean something else.
_NAME = r'[^\s!"#%-,./;->@\[-\^`{-~]+'
_SEGMENT = rf"(?:\.\.|\.|{_NAME}|\[(?:\\\]|[^\]])*\])"
# By far the most tags: a path, or a sign and a path, and at most one path or text behind it.
_PLAIN = r"@?(?!(?:else|true|false|null|undefined)\b)[^\W\d][\w-]*(?:[./][^\W\d][\w-]*)*"
_SHORT = re.compile(rf"""\{{\{{(~?)([#/>^]?)\s*({_PLAIN})(?:\s+(?:({_PLAIN})|"([^"\\]*)"))?\s*(~?)\}}\}}(?!\}})""")
_OPEN = re.compile(r"\{\{(~?)(!--|!|#\*|#>|#|/|\^|>|&|\{|\*)?")
_ELSE = re.compile(r"\{\{~?\s*else(?![^\s~}])\s*")
_EMPTY = re.compile(r"\s*(~?)\}\}")
_COMMENT = re.compile(r"--(~?)\}\}")
_RAW = re.compile(rf"\{{\{{\{{\{{\s*({_NAME})\s*\}}\}}\}}\}}")
_TOKEN = re.compile(
    rf"""\s*(?:
      as\s+\|(?P<names>[^|]*)\|
    | (?P<key>{_NAME}|\[(?:\\\]|[^\]])*\])\s*=\s*
    | (?P<path>@?{_SEGMENT}(?:[./]{_SEGMENT})*)
    | "(?P<double>(?:\\"|[^"])*)"
    | '(?P<single>(?:\\'|[^'])*)'
    | (?P<open>\()
    | (?P<shut>\))
    | (?P<three>\}}(?P<three_right>~?)\}}\}})
    | (?P<two>(?P<two_right>~?)\}}\}})
    )""",
    re.VERBOSE,
)
_SEGMENTS = re.compile(rf"(?:\A|[./])({_SEGMENT})")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}
_KINDS: dict[str | None, Kind] = {
    None: "value", "": "value", "&": "value", "{": "value", "#": "block", "#>": "partial_block", "#*": "inline",
    "/": "close", "^": "inverted", ">": "partial",
}  # fmt: skip


def cut(source: Source) -> tuple[list[str], list[Tag]]:
    """The texts and, between them, the tags: always one text more.

    Raises:
        TemplateError: a tag that is not closed or cannot be read.
    """
    return _Lexer(source).cut()


def spans(source: Source) -> list[tuple[int, int]]:
    """Where its tags begin and end, as offsets in its text; a raw block, with what it holds, is one of them. What is
    between is text.

    Raises:
        TemplateError: as `cut`.
    """
    lexer = _Lexer(source)
    lexer.cut()
    return lexer.spans


class _Lexer:
    def __init__(self, source: Source) -> None:
        self._source, self._text = source, source.text
        self.spans: list[tuple[int, int]] = []
        self._texts: list[str] = []
        self._tags: list[Tag] = []

    def cut(self) -> tuple[list[str], list[Tag]]:
        text, texts, tags = self._text, self._texts, self._tags
        held: list[str] = []  # of the text under way, up to an escaped brace
        start = looked = 0
        while (at := text.find("{{", looked)) >= 0:
            end = at
            if text[at - 1 : at] == "\\":
                end = at - 1
                if text[at - 2 : at - 1] != "\\":  # \{{ is no tag; \\{{ is a backslash, and a tag
                    held.append(text[start:end])
                    start, looked = at, at + 2
                    continue
            texts.append("".join([*held, text[start:end]]) if held else text[start:end])
            found = _SHORT.match(text, at)
            start = self._tag(at) if found is None else self._short(at, found)
            self.spans.append((at, start))
            held, looked = [], start
        texts.append("".join([*held, text[start:]]))
        return texts, tags

    def _short(self, at: int, found: "re.Match[str]") -> int:
        left, sign, written, param, literal, right = found.groups()
        path = self._path(written, found.start(3))
        if param is not None:
            call = Call(path, (self._path(param, found.start(4)),), (), path.at)
        elif literal is not None:
            call = Call(path, (Constant(literal, literal, found.start(5)),), (), path.at)
        else:
            call = Call(path, (), (), path.at)
        self._tags.append(Tag(_KINDS[sign], at, left != "", right != "", call))
        return found.end()

    def _tag(self, at: int) -> int:
        """Reads the tag at `at`; → where it ends."""
        if self._text.startswith("{{{{", at):
            return self._raw(at)
        opened = cast("re.Match[str]", _OPEN.match(self._text, at))
        left, sign = opened[1] != "", opened[2]
        if sign == "!" or sign == "!--":
            return self._comment(at, opened.end(), left, sign)
        if sign == "*":
            raise self._source.error(at, "decorators are not read here, but for {{#*inline …}}")
        if sign is None and (found := _ELSE.match(self._text, at)):
            return self._otherwise(at, found.end(), left)
        if sign == "^" and (found := _EMPTY.match(self._text, opened.end())):
            self._tags.append(Tag("else", at, left, found[1] != ""))
            return found.end()
        return self._called(_KINDS[sign], at, opened.end(), left, sign == "{")

    def _called(self, kind: Kind, at: int, inside: int, left: bool, three: bool = False) -> int:
        call, names, closing = self._call(at, inside, 0)
        if names and kind not in ("block", "inverted", "chain"):
            raise self._source.error(at, "only a block has parameters, `as |name|`")
        right = closing["three_right"] or closing["two_right"]
        end = closing.end()
        if three != (closing.lastgroup == "three"):
            if three or right:
                raise self._source.error(at, f"begins with {'{{{' if three else '{{'}, and ends otherwise")
            end -= 1  # of `}}}` the last is text: what holds JSON ends so
        self._tags.append(Tag(kind, at, left, bool(right), call, names))
        return end

    def _otherwise(self, at: int, inside: int, left: bool) -> int:
        if found := _EMPTY.match(self._text, inside):
            self._tags.append(Tag("else", at, left, found[1] != ""))
            return found.end()
        return self._called("chain", at, inside, left)

    def _comment(self, at: int, inside: int, left: bool, sign: str) -> int:
        if sign == "!":
            end = self._text.find("}}", inside)
            right = self._text[end - 1 : end] == "~"
            end += 2
        else:
            found = _COMMENT.search(self._text, inside)
            end, right = (found.end(), found[1] != "") if found else (1, False)
        if end <= inside:
            raise self._source.error(at, f"a comment is not closed; end it with {'}}' if sign == '!' else '--}}'}")
        self._tags.append(Tag("comment", at, left, right))
        return end

    def _raw(self, at: int) -> int:
        """{{{{raw}}}} … {{{{/raw}}}}: what is between is text, whatever it looks like."""
        opened = _RAW.match(self._text, at)
        if opened is None or opened[1] != "raw":
            raise self._source.error(at, "the one block in four braces is {{{{raw}}}} … {{{{/raw}}}}")
        shut = "{{{{/raw}}}}"
        end = self._text.find(shut, opened.end())
        if end < 0:
            raise self._source.error(at, f"is not closed; end it with {shut}")
        # Seen from the white space around it, a comment before the text, and one after it.
        self._tags += Tag("comment", at, False, False), Tag("comment", end, False, False)
        self._texts.append(self._text[opened.end() : end])
        return end + len(shut)

    def _call(self, at: int, pos: int, depth: int) -> tuple[Call, tuple[str, ...], "re.Match[str]"]:
        """What stands up to the end of the tag, or up to the closing parenthesis."""
        items: list[Expression] = []
        options: list[tuple[str, Expression]] = []
        names: tuple[str, ...] = ()
        key: tuple[str, int] | None = None
        while True:
            found = self._token(at, pos)
            group = found.lastgroup
            pos = found.end()
            if group == "names" and items and not depth:
                names = tuple(found["names"].split())
                continue
            if group == "key" and key is None:
                key = _name(found["key"]), found.start("key")
                continue
            if group in ("path", "double", "single", "open") and not names:
                if group == "open":
                    item, pos = self._parentheses(found.start("open"), pos, depth + 1)
                else:
                    item = self._item(found)
                if key is not None:
                    options.append((key[0], item))
                    key = None
                elif options:
                    raise self._source.error(item.at, "stands behind `name=value`; put it before")
                else:
                    items.append(item)
                continue
            return self._end(at, found, depth, items, options, key), names, found

    def _end(
        self, at: int, found: "re.Match[str]", depth: int, items: list[Expression],
        options: list[tuple[str, Expression]], key: tuple[str, int] | None,
    ) -> Call:  # fmt: skip
        group = found.lastgroup or ""
        if (group == "shut") != (depth > 0) or group in ("names", "key", "path", "double", "single", "open"):
            raise self._source.error(found.start(group), f"`{found[0].strip()}` may not stand here")
        if key is not None:
            raise self._source.error(key[1], f"`{key[0]}=` has no value")
        if not items:
            raise self._source.error(at, "is empty; a tag or a parenthesis begins with a name")
        path = items.pop(0)
        if isinstance(path, Call):
            raise self._source.error(path.at, "begins with a parenthesis; it must begin with a name")
        return Call(path, items, options, path.at)

    def _token(self, at: int, pos: int) -> "re.Match[str]":
        found = _TOKEN.match(self._text, pos)
        if found is not None:
            return found
        rest = self._text[pos:].lstrip()
        if not rest or "}}" not in rest:
            raise self._source.error(
                at, "a tag is not closed; end it with }}, or write \\{{ to mean the braces themselves"
            )
        raise self._source.error(len(self._text) - len(rest), f"`{rest[0]}` may not stand here")

    def _parentheses(self, at: int, pos: int, depth: int) -> tuple[Call, int]:
        if depth > MAX_PARENTHESES:
            raise self._source.error(at, f"parentheses stand deeper than {MAX_PARENTHESES} levels")
        call, _, closing = self._call(at, pos, depth)
        return call, closing.end()

    def _item(self, found: "re.Match[str]") -> Constant | Path:
        group = cast(str, found.lastgroup)
        written, at = found[group], found.start(group)
        if group == "double":
            return Constant(written.replace('\\"', '"'), written, at)
        if group == "single":
            return Constant(written.replace("\\'", "'"), written, at)
        if written in _WORDS:
            return Constant(_WORDS[written], written, at)
        if written[0] in "-0123456789" and _NUMBER.fullmatch(written):
            return Constant(float(written) if "." in written else int(written), written, at)
        return self._path(written, at)

    def _path(self, written: str, at: int) -> Path:
        if written.isidentifier() and written != "this":
            return Path((written,), 0, False, False, written, at)
        data = written[0] == "@"
        parts: list[str] = []
        up = 0
        segments = _SEGMENTS.findall(written[1:] if data else written)
        for index, segment in enumerate(segments):
            if segment not in ("..", ".", "this"):
                parts.append(_name(segment))
            elif parts or (index and segment != ".."):
                raise self._source.error(at, f"`{segment}` stands only at the beginning of a path")
            elif segment == "..":
                up += 1
        scoped = not data and segments[0] in ("..", ".", "this")
        if data and not parts:
            raise self._source.error(at, "`@` is followed by a name, such as @index")
        return Path(tuple(parts), up, data, scoped, written, at)


def _name(segment: str) -> str:
    return re.sub(r"\\([\\\]])", r"\1", segment[1:-1]) if segment[0] == "[" else segment
