"""`secrets`: credentials, by their shape, or by the name before them (`password = "…"`) and how random they look.

Two automata read a text: one knows the shapes (`secret_rules`), one knows names of credentials and what follows them.
The package detect-secrets is no part of this: it takes 45 ms for 4 KB of code.
"""

import math
import re
from collections.abc import Sequence

import msgspec

from gateway.guard.detectors.matching import Automata, Found, Patterns, Rule
from gateway.guard.detectors.plain import found_in_plain, open_in_plain
from gateway.guard.detectors.secret_rules import TOKENS
from gateway.guard.words import Span

_NAME = (
    r"(?i:passwords?|passwd|passwort|kennwort|mot de passe|contraseña|senha|passphrase|pwd|secret|token|credentials?"
    r"|(?:api|access|account|auth|private|secret|encryption|signing|master|license)[_\-. ]?key|apikey"
    r"|conn(?:ection)?[_\-]?str(?:ing)?)"
)
_IS = r"(?::=|=>|==?|:|\bis\b|\bist\b|\bes\b|\best\b)"
# `"client_secret": "…"`, `export DB_PASSWORD=…`, `token => '…'`, `my password is …`.
_HEAD = _NAME + r"(?:[_\-.]\w{1,20}){0,2}[\"'`\]]{0,2}\s{0,3}" + _IS + r"\s{0,3}(?:[uUbBrRfF]?[\"'`]{1,3})?"
_VALUE = r"[^\s\"'`,;<>(){}\[\]]{8,200}"
_NAMED = re.compile(f"{_HEAD}({_VALUE})")
_BEARER = r"\b(?i:bearer|basic|authorization: token)[ \t]{1,3}[A-Za-z0-9+/_\-.~]{16,500}={0,2}"
_URL = r"\b(?i:[a-z][a-z0-9+.\-]{1,15})://[^\s/?#:@\"'<>`]{0,64}:[^\s/?#@\"'<>`]{3,200}@[A-Za-z0-9.\-]{1,253}"

# Holding a place for a secret, asking for one elsewhere, or talking about one.
_PLACEHOLDER = re.compile(
    r"^(?:[$%#&@]|(?:~|\.{0,2})/|\*+|x{3,}|\.{3,}|_+|-+|<|\\?\{)|(?i:your|example|placeholder|changeme|change[_-]me|redacted|insert|dummy"
    r"|sample|todo|fixme|xxxx|\*\*\*\*|process\.env|os\.environ|getenv|secrets?\.|vars?\.|env\.|\$\{|\{\{|config\.|self\."
    r"|settings\.|this\.|options\.|localhost)|^(?i:null|none|true|false|undefined|string|required|optional)\b",
)
_UUID = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# `keep_for_24_hours`, `base64.b64decode`, `urn:oauth:token-type:x509`: names, in small letters.
_PART = r"(?:[a-z]{1,14}\d{0,4}|[a-z]\d\d[a-z]{2,10}|\d{1,4})"
_NAMES = re.compile(rf"{_PART}(?:[_\-./:]+{_PART})+")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[_\-./:]+")
# Of letters and digits both; words and paths have less entropy or no digits.
_MIN_ENTROPY_BITS = 2.8


# Keys are runs of up to some hundred letters. With all of them counted, an event of a stream takes milliseconds. Shapes
# that begin with a run have one of 52 letters at most.
_COUNTED = (8, 52)


class SecretsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    assignments: find values by the name before them too, which have no shape of their own (`password = "…"`).
    """

    assignments: bool = True


class SecretsDetector:
    """Credentials of some sixty kinds (`secret_rules.TOKENS`), and values that a name gives away (`password`)."""

    name = "secrets"
    whole = False

    def __init__(self, options: SecretsOptions) -> None:
        rules = [Rule(kind, pattern, _JUDGES.get(kind)) for kind, pattern in TOKENS.items()]
        rules.append(Rule("basic_auth", _URL, _in_url))
        members = [Patterns(rules)]
        if options.assignments:
            named = [Rule("password", _HEAD + _VALUE, _assigned), Rule("authorization", _BEARER, _random_value)]
            members.append(Patterns(named))
        self._automata = Automata(members, counted=_COUNTED)
        self.first = (self._automata,)

    def find(self, text: str) -> Sequence[Span]:
        return found_in_plain(self._automata.find, text)

    def open_from(self, text: str) -> int:
        return open_in_plain(self._automata.open_from, text)


def entropy_bits(value: str) -> float:
    """Shannon's, per character."""
    length = len(value)
    return -sum(n / length * math.log2(n / length) for n in map(value.count, set(value)))


def _assigned(found: Found) -> Span | None:
    named = _NAMED.fullmatch(found.text, found.start, found.end)
    if named is None:
        return None
    value = named[1].rstrip(".:")
    if len(value) < 8 or not looks_random(value):
        return None
    return Span(named.start(1), named.start(1) + len(value), found.kind, 0.8)


def _random_value(found: Found) -> Span | None:
    value = found.text[found.start : found.end].split()[-1]
    if not looks_random(value):
        return None
    return Span(found.end - len(value), found.end, found.kind, 0.9)


def looks_random(value: str) -> bool:
    """Letters and digits mixed in a way that words, paths, ids and places for a value are not."""
    if _PLACEHOLDER.search(value) or not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    if _UUID.fullmatch(value):
        return True
    if _NAMES.fullmatch(value):
        return False
    if len(max(_WORDS.findall(value), key=len, default="")) > 0.7 * len(value):
        return False
    return entropy_bits(value) >= _MIN_ENTROPY_BITS


def _shown(found: Found) -> Span | None:
    """Not the keys of AWS's own documentation."""
    return None if found.text[found.start : found.end].endswith("EXAMPLE") else Span(found.start, found.end, found.kind)


def _in_url(found: Found) -> Span | None:
    password = found.text[found.start : found.end].split("://", 1)[1].rsplit("@", 1)[0].split(":", 1)[1]
    if re.match(r"[$<{*%\[]|x{3,}|\.\.\.", password) or password.lower() in _SHOWN_PASSWORDS:
        return None
    return Span(found.start, found.end, found.kind)


_SHOWN_PASSWORDS = frozenset({"password", "pass", "pwd", "passwd", "secret", "pw", "your_password", "redacted"})
_JUDGES = {"aws_key": _shown}
