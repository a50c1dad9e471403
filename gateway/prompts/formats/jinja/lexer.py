"""A Jinja source, cut into texts, `{{ … }}` and `{% … %}`. Comments are gone, `{% raw %}` is text, `-` has taken its
white space."""

import ast
import re
from collections.abc import Iterator
from typing import Literal

import msgspec

_OPEN = re.compile(r"(\{\{|\{%|\{#)([-+]?)")
_ENDS = {"{{": re.compile(r"\s*([-+]?)\}\}"), "{%": re.compile(r"\s*([-+]?)%\}")}
_COMMENT = re.compile(r"([-+]?)#\}")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*([-+]?)%\}")
_ENDRAW = re.compile(r"\{%([-+]?)\s*endraw\s*([-+]?)%\}")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<name>[^\W\d]\w*)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    | (?P<sign>==|!=|<=|>=|//|\*\*|[-+*/%<>()\[\]{}.,:|~=])
    )""",
    re.VERBOSE | re.DOTALL,
)


class Token(msgspec.Struct, frozen=True):
    """`value`: of a string without its quotes, of a number as a number, else as it is written."""

    kind: Literal["name", "number", "string", "sign", "end"]
    value: str | int | float


class Part(msgspec.Struct):
    """Attributes:
    kind: `text`, `value` for `{{ … }}`, `block` for `{% … %}`. text: as it is written; of a text, what is left of it.
    """

    kind: Literal["text", "value", "block"]
    text: str
    line: int
    tokens: tuple[Token, ...] = ()


class JinjaError(ValueError):
    """`line` counts from 1."""

    def __init__(self, line: int, what: str, why: str) -> None:
        super().__init__(f"line {line}: {what}: {why}")
        self.line, self.what, self.why = line, what, why


def cut(source: str) -> list[Part]:
    """The parts in order. A line break at the very end is left out, as Jinja does.

    Raises:
        JinjaError: a tag that is not closed, or that cannot be read.
    """
    parts: list[Part] = []
    strips = False  # the tag before takes the white space behind it
    for part, left, right in _parts(source.removesuffix("\n")):
        if part.kind == "text" and strips:
            part.text = part.text.lstrip()
        if left and parts and parts[-1].kind == "text":
            parts[-1].text = parts[-1].text.rstrip()
        strips = right
        parts.append(part)
    return [part for part in parts if part.kind != "text" or part.text]


def _parts(source: str) -> Iterator[tuple[Part, bool, bool]]:
    """Each part, and whether it takes the white space before and behind it. A comment is an empty text."""
    at, line = 0, 1
    while found := _OPEN.search(source, at):
        if found.start() > at:
            yield Part("text", source[at : found.start()], line), False, False
            line += source.count("\n", at, found.start())
        start, opening = found.start(), found[1]
        if opening == "{#":
            end = _COMMENT.search(source, found.end())
            if end is None:
                raise JinjaError(line, source[start : start + 20], "a comment is not closed; end it with #}")
            yield Part("text", "", line), found[2] == "-", end[1] == "-"
        elif raw := _RAW.match(source, start):
            end = _ENDRAW.search(source, raw.end())
            if end is None:
                raise JinjaError(line, raw[0], "is not closed; end it with {% endraw %}")
            text = source[raw.end() : end.start()]
            text = text.lstrip() if raw[1] == "-" else text
            yield Part("text", text.rstrip() if end[1] == "-" else text, line), found[2] == "-", end[2] == "-"
        else:
            tokens, end = _tokens(source, found.end(), opening, line)
            kind: Literal["value", "block"] = "value" if opening == "{{" else "block"
            yield Part(kind, source[start : end.end()], line, tokens), found[2] == "-", end[1] == "-"
        at = end.end()
        line += source.count("\n", start, at)
    if at < len(source):
        yield Part("text", source[at:], line), False, False


def _tokens(source: str, at: int, opening: str, line: int) -> tuple[tuple[Token, ...], re.Match[str]]:
    made: list[Token] = []
    start = at - len(opening)
    while not (end := _ENDS[opening].match(source, at)):
        found = _TOKEN.match(source, at)
        if found is None:
            written = " ".join(source[start : at + 20].split())
            closing = "}}" if opening == "{{" else "%}"
            if closing not in source[at:]:
                raise JinjaError(line, written, f"a tag is not closed; end it with {closing}")
            raise JinjaError(line, written, f"`{source[at:].lstrip()[:1]}` cannot be read here")
        made.append(_token(found, line))
        at = found.end()
    return tuple(made), end


def _token(found: re.Match[str], line: int) -> Token:
    match found.lastgroup:
        case "string":
            try:
                # Jinja itself reads escapes as Python does; line breaks may stand in its strings.
                text = ast.literal_eval(found["string"].replace("\n", "\\n").replace("\r", "\\r"))
            except (SyntaxError, ValueError):
                raise JinjaError(line, found["string"], "is no string that can be read") from None
            return Token("string", str(text))
        case "number":
            number = found["number"]
            return Token("number", float(number) if "." in number else int(number))
        case "name":
            return Token("name", found["name"])
        case _:
            return Token("sign", found["sign"])
