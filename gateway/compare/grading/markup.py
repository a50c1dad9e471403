"""XML and HTML, read no further than to say whether they are any."""

import re
import string
from collections.abc import Collection
from xml.parsers import expat

_VOID_NAMES = "area base br col embed hr img input link meta source track wbr"
# Elements whose end a reader of HTML puts in by itself.
_OPTIONAL_NAMES = "html head body p li dt dd tr td th thead tbody tfoot option optgroup colgroup rt rp"
_OTHER_NAMES = """
a abbr address article aside audio b bdi bdo blockquote button canvas caption center cite code data datalist del details
dfn dialog div dl em fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 header hgroup i iframe ins kbd label
legend main map mark menu meter nav noscript object ol output picture pre progress q ruby s samp script search section
select slot small span strike strong style sub summary sup svg table template textarea time title tt u ul var video math
path g circle rect line polyline polygon text defs use
"""
_VOID, _OPTIONAL = frozenset(_VOID_NAMES.split()), frozenset(_OPTIONAL_NAMES.split())
_KNOWN = _VOID | _OPTIONAL | frozenset(_OTHER_NAMES.split())
# What is in them is no markup.
_RAW = frozenset({"script", "style", "textarea", "title"})
_MAX_DEPTH = 10_000
_LOWER = {ord(letter): letter.lower() for letter in string.ascii_uppercase}


class _Refused(Exception):
    """What is found makes further reading pointless."""


def xml_fault(text: str, required: Collection[str] = ()) -> str:
    """Why the text is no well-formed document, or has not got the required elements; empty if it is fine. One with a
    DTD is none: entities could make gigabytes of it, and files could be read."""
    parser = expat.ParserCreate()
    inside: list[str] = []
    missing = set(required)
    deepest = max((path.count(".") + 1 for path in required), default=0)

    def start(name: str, _: dict[str, str]) -> None:
        inside.append(name)
        if len(inside) > _MAX_DEPTH:
            raise _Refused("it is nested too deeply")
        if len(inside) <= deepest:
            missing.discard(".".join(inside))

    def doctype(*_: object) -> None:
        raise _Refused("it has a DTD")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: inside.pop()
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.strip().encode("utf-8"), True)
    except expat.ExpatError as error:
        return str(error)
    except (_Refused, UnicodeEncodeError) as error:
        return str(error)
    return f"it has no {', '.join(sorted(missing))}" if missing else ""


def html_fault(text: str) -> str:
    """Why the text is no HTML and nothing but HTML; empty if it is. Read once, from front to back: Python's own reader
    forgives what is not closed, and takes long over it."""
    bare = text.strip()
    if not bare.startswith("<") or not bare.endswith(">"):
        return "it does not begin and end with a tag"
    reader = _Html(bare)
    try:
        reader.read()
    except _Refused as error:
        return str(error)
    return "" if reader.elements else "it has no element of HTML"


# Each part of a tag is read in one way only (`+` after a repetition), so none is tried again.
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*+)((?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)>")
_DOCTYPE = re.compile(r"<!doctype[^<>]*+>", re.IGNORECASE)


class _Html:
    def __init__(self, text: str) -> None:
        # Letter for letter: `İ` in lower case are two, and places in the one would be none in the other.
        self.text, self.lower = text, text.translate(_LOWER)
        self.inside: list[str] = []
        self.elements = 0

    def read(self) -> None:
        at = 0
        while at < len(self.text):
            at = self._markup(at) if self.text[at] == "<" else self._words(at)
        unclosed = [name for name in self.inside if name not in _OPTIONAL]
        if unclosed:
            raise _Refused(f"<{unclosed[-1]}> is not closed")

    def _words(self, at: int) -> int:
        end = self.text.find("<", at)
        end = len(self.text) if end < 0 else end
        if not self.inside and self.text[at:end].strip():
            raise _Refused("there is text beside its elements")
        return end

    def _markup(self, at: int) -> int:
        if self.text.startswith("<!--", at):
            return self._after("-->", at + 4, "a comment")
        if found := _DOCTYPE.match(self.text, at):
            return found.end()
        tag = _TAG.match(self.text, at)
        if tag is None:
            follows = self.text[at + 1 : at + 2]
            if not self.inside or follows.isalpha() or follows in "/!?":
                raise _Refused("a tag is not closed, or is none")
            return at + 1  # `a < b`
        closing, name, attributes = tag[1], tag[2].lower(), tag[3]
        if closing:
            self._close(name)
            return tag.end()
        self._open(name, closed=attributes.endswith("/"))
        if name in _RAW and self.inside[-1:] == [name]:
            return self._before(f"</{name}", tag.end(), name)
        return tag.end()

    def _after(self, end: str, at: int, what: str) -> int:
        return self._before(end, at, what) + len(end)

    def _before(self, end: str, at: int, what: str) -> int:
        found = self.lower.find(end, at)
        if found < 0:
            raise _Refused(f"{what} is not closed")
        return found

    def _open(self, name: str, *, closed: bool) -> None:
        if name not in _KNOWN and "-" not in name:  # a name with a hyphen is a custom element
            raise _Refused(f"<{name}> is no element of HTML")
        self.elements += 1
        if name in _VOID or closed:
            return
        self.inside.append(name)
        if len(self.inside) > _MAX_DEPTH:
            raise _Refused("it is nested too deeply")

    def _close(self, name: str) -> None:
        while self.inside and self.inside[-1] != name and self.inside[-1] in _OPTIONAL:
            self.inside.pop()
        if not self.inside or self.inside[-1] != name:
            raise _Refused(f"</{name}> closes nothing")
        self.inside.pop()
