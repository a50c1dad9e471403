"""The beginnings of what a pattern matches, as a pattern.

A stream may be cut anywhere. What must be held back is what could still become a match, and that is a regular language
too: the beginnings of the pattern's own words. So it is derived from the pattern, and the two cannot drift apart.
Searched with `\\z` at its end, RE2 walks it backwards from the end of a text and stops where nothing can begin.

    beginnings(ab)     = beginnings(a) | a beginnings(b)
    beginnings(a|b)    = beginnings(a) | beginnings(b)
    beginnings(a{m,n}) = a{0,n-1} beginnings(a)

The whole of a word counts as one of its beginnings: more text may make it longer, or undo the `\\b` after it.

An automaton that counts is large: `[a-z]{20,300}`, read backwards, is in 300 states at once, and one that may begin at
any of the last 63 characters is in another set of states after each. It has to build them as it reads, a thousand times
slower than it reads. Where a first look will do, what may stand in a row more often than `most_counted` counts as one
that may stand any number of times: more matches then, and nothing less.
"""

import re

_REPEAT = re.compile(r"\{(\d+)(,?)(\d*)\}")
_ESCAPE = re.compile(r"\\(?:[pP](?:\{\^?\w+\}|\w)|x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|[0-7]{2,3}|.)", re.DOTALL)
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])))?")
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\[pP]\{\^?\w+\}|\\.|[^\]\\])*\]", re.DOTALL)
_NO_WIDTH = {"^", "$", r"\A", r"\z", r"\b", r"\B"}


class PatternError(ValueError):
    """A pattern that RE2 does not take, or one whose beginnings cannot be told."""


def beginnings(pattern: str, most_counted: int | None = None) -> str:
    """A pattern of RE2 that matches every beginning of every match, the empty one and the whole ones among them.

    Raises:
        PatternError: the pattern makes no sense here.
    """
    return _parsed(pattern, most_counted, 1)[1]


def without_groups(pattern: str, most_counted: int | None = None) -> str:
    """The same pattern, none of whose groups captures.

    Raises:
        PatternError: as `beginnings`.
    """
    return _parsed(pattern, most_counted, most_counted or 0)[0]


def _parsed(pattern: str, most_counted: int | None, least: int) -> tuple[str, str]:
    parser = _Parser(pattern, most_counted, least)
    both = parser.alternatives()
    if parser.at < len(pattern):
        raise PatternError(f"`)` without `(` at character {parser.at + 1}")
    return both


class _Parser:
    """Each method reads one thing at `at` and gives it as it stands, then its beginnings without their wholes.

    `least`: what is not counted has to be there no more often than that.
    """

    def __init__(self, pattern: str, most_counted: int | None, least: int) -> None:
        self.pattern = pattern
        self.most_counted = most_counted
        self.least = least
        self.at = 0

    def alternatives(self) -> tuple[str, str]:
        wholes: list[str] = []
        begins: list[str] = []
        flags = self._leading_flags()
        while True:
            whole, begin = self._sequence()
            wholes.append(whole)
            begins.append(begin)
            if not self.pattern.startswith("|", self.at):
                break
            self.at += 1
        return f"(?{flags}:{'|'.join(wholes)})", f"(?{flags}:{'|'.join(begins)})"

    def _leading_flags(self) -> str:
        """Flags hold for all alternatives of their group, so they may stand at its beginning only."""
        opened = _GROUP.match(self.pattern, self.at)
        if not opened or opened[3] != ")":
            return ""
        self.at = opened.end()
        return opened[1] + (f"-{opened[2]}" if opened[2] else "")

    def _sequence(self) -> tuple[str, str]:
        parts: list[tuple[str, str]] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self._repeated(*self._one()))
        begins = ""
        for whole, begin in reversed(parts):
            begins = f"(?:{begin}|{whole}{begins})" if begin else f"(?:{whole}{begins})?"
        return "".join(whole for whole, _ in parts), begins

    def _one(self) -> tuple[str, str]:
        character = self.pattern[self.at]
        if character == "(":
            return self._group()
        if character in "*+?":
            raise PatternError(f"`{character}` with nothing to repeat at character {self.at + 1}")
        reading = {"[": _CLASS, "\\": _ESCAPE}.get(character)
        if reading is None:
            self.at += 1
            return character, ""
        read = reading.match(self.pattern, self.at)
        if read is None or read[0] in (r"\Q", r"\C"):
            raise PatternError(f"`{character}` at character {self.at + 1} does not end, or is not allowed")
        self.at = read.end()
        return read[0], ""

    def _group(self) -> tuple[str, str]:
        opened = _GROUP.match(self.pattern, self.at)
        if opened is None or opened[3] == ")" or (opened[0] == "(" and self.pattern.startswith("?", opened.end())):
            raise PatternError(
                f"`{self.pattern[self.at : self.at + 4]}` at character {self.at + 1} is not allowed here"
            )
        self.at = opened.end()
        whole, begins = self.alternatives()
        if not self.pattern.startswith(")", self.at):
            raise PatternError("`(` without `)`")
        self.at += 1
        flags = (opened[1] or "") + (f"-{opened[2]}" if opened[2] else "")
        return f"(?{flags}:{whole})", f"(?{flags}:{begins})"

    def _repeated(self, whole: str, begins: str) -> tuple[str, str]:
        character = self.pattern[self.at : self.at + 1]
        counted = _REPEAT.match(self.pattern, self.at) if character == "{" else None
        if counted:
            fewest, most = int(counted[1]), int(counted[3]) if counted[3] else None
            if not counted[2]:
                most = fewest
            self.at = counted.end()
        elif character and character in "*+?":
            fewest, most = int(character == "+"), 1 if character == "?" else None
            self.at += 1
        else:
            return whole, begins
        if whole in _NO_WIDTH:
            raise PatternError(f"`{whole}` cannot be repeated")
        if most is not None and self.most_counted is not None and most > self.most_counted:
            fewest, most = min(fewest, self.least), None
        lazy = "?" if self.pattern.startswith("?", self.at) else ""
        self.at += len(lazy)
        upto = "" if most is None else most
        before = "*" if most is None else f"{{0,{most - 1}}}"
        begun = begins if most in (0, 1) else f"{whole}{before}{begins}"
        return f"{whole}{{{fewest},{upto}}}{lazy}", begun
