"""XML and HTML, read no further than to say whether they are any."""

from collections.abc import Collection
from html.parser import HTMLParser
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
_MAX_DEPTH = 10_000


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
    """Why the text is no HTML and nothing but HTML; empty if it is."""
    bare = text.strip()
    if not bare.startswith("<") or not bare.endswith(">"):
        return "it does not begin and end with a tag"
    if bare.startswith("<?xml"):
        return "it is XML"
    reader = _Html()
    try:
        reader.feed(bare)
        reader.close()
    except _Refused as error:
        return str(error)
    unclosed = [name for name in reader.inside if name not in _OPTIONAL]
    if unclosed:
        return f"<{unclosed[-1]}> is not closed"
    return "" if reader.elements else "it has no element of HTML"


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.inside: list[str] = []
        self.elements = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag not in _KNOWN and "-" not in tag:  # a name with a hyphen is a custom element
            raise _Refused(f"<{tag}> is no element of HTML")
        self.elements += 1
        if tag not in _VOID:
            self.inside.append(tag)
        if len(self.inside) > _MAX_DEPTH:
            raise _Refused("it is nested too deeply")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.inside.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        while self.inside and self.inside[-1] != tag and self.inside[-1] in _OPTIONAL:
            self.inside.pop()
        if not self.inside or self.inside[-1] != tag:
            raise _Refused(f"</{tag}> closes nothing")
        self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside and data.strip():
            raise _Refused("there is text beside its elements")
