"""`urls`: addresses that an answer may not lead to.

An answer that was made to leak data does it by an address: a picture that the client loads by itself, with the data in
its query, or a link to click (OWASP LLM05:2025). Hosts are read as browsers read them (WHATWG URL): what stands before
`@` is no host, a backslash is a slash, case, port and a last dot do not count.
"""

import re
from collections.abc import Sequence

import msgspec

from gateway.core.globs import compile_globs
from gateway.guard.detectors.matching import Automata, Found, Patterns, Rule
from gateway.guard.words import Span

# Brackets in pairs only: the first without its partner is the sentence's, or closes a link of Markdown.
_REST = r"(?:\[[0-9A-Fa-f:.]+\])?(?:[^\s<>\"`{}|^()\[\]]|\([^\s<>\"`{}|^()\[\]]*\))+"
# With a scheme; without one only where a link would be made of it.
_URL = rf"\b(?i:https?|ftp|wss?):[/\\]{{1,4}}{_REST}"
_BARE = rf"\b(?i:www)\.{_REST}"
_LINKED = rf"\]\(<?[/\\]{{2}}{_REST}|(?i:\b(?:src|href)=[\"']?)[/\\]{{2}}{_REST}"
_PICTURE = re.compile(r"!\[[^\]\n]*\]\(\s*<?|<img\b[^>]*\bsrc\s*=\s*[\"']?", re.IGNORECASE)
_BEFORE = 320
_IN_A_PATH = ("/", "\\", ".", "-", "@", "_")


class UrlsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    hosts: globs of the hosts that may be named: `example.com`, `*.example.com` (its subdomains, not itself).
    max_query: characters of a query that may go to an allowed host; None: any number. Allowed hosts pass things on too.
    """

    hosts: tuple[str, ...]
    max_query: int | None = None

    def __post_init__(self) -> None:
        if wrong := [host for host in self.hosts if "/" in host or not host]:
            raise ValueError(f"`{wrong[0]}` is no host; leave out the scheme and the path")


class UrlsDetector:
    """Kinds: `picture` and `url`, of hosts that are not allowed, and `long_query`."""

    name = "urls"
    whole = False

    def __init__(self, options: UrlsOptions) -> None:
        self._allowed = compile_globs([host.lower().rstrip(".") for host in options.hosts])
        self._max_query = options.max_query
        rules = [Rule("url", pattern, self._judge) for pattern in (_URL, _LINKED, _BARE)]
        self._automata = Automata([Patterns(rules)])
        self.first = (self._automata,)

    def find(self, text: str) -> Sequence[Span]:
        return self._automata.find(text)

    def open_from(self, text: str) -> int:
        return self._automata.open_from(text)

    def _judge(self, found: Found) -> Span | None:
        written = found.text[found.start : found.end]
        # A link's own marks are not its address.
        start = found.start + len(written) - len(written.lstrip("](<")) if written[0] == "]" else found.start
        end = found.start + len(written.rstrip(".,;:!?'*_"))
        url = found.text[start:end]
        kind = "picture" if _in_picture(found.text[max(0, start - _BEFORE) : start]) else "url"
        host = host_of(url)
        bare = written[:1] in "wW" and ":" not in written[:4]
        if not host or (bare and (host.count(".") < 2 or found.text[max(0, start - 1) : start] in _IN_A_PATH)):
            return None
        if not self._allowed(host):
            return Span(start, end, kind)
        query = len(url.partition("?")[2])
        if self._max_query is not None and query > self._max_query:
            return Span(start, end, "long_query")
        return None


def _in_picture(before: str) -> bool:
    """Only the last that may begin a picture is looked at: all of them would take time that grows with their square."""
    opened = max(before.rfind("!["), before.lower().rfind("<img"))
    return opened >= 0 and _PICTURE.fullmatch(before, opened) is not None


def host_of(url: str) -> str:
    """In small letters, without port; empty if there is none."""
    rest = re.sub(r"^(?:(?i:src|href)=[\"']?)?(?:\w+:)?[/\\]*", "", url)
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if authority.startswith("["):
        return authority.partition("]")[0] + "]"
    return authority.partition(":")[0].lower().rstrip(".")
