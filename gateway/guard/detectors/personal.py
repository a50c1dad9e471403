"""`personal_data`: what tells who someone is or how to reach them."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from gateway.guard.detectors.cards import CARD_RULE, IBAN_RULE
from gateway.guard.detectors.matching import Automata, Found, Patterns, Rule, first_of
from gateway.guard.detectors.names import Names
from gateway.guard.detectors.national import COUNTRIES, cues, national_rules
from gateway.guard.detectors.phones import CUES, phone_rules
from gateway.guard.detectors.plain import found_in_plain, open_in_plain
from gateway.guard.words import Span

Entity = Literal["card", "iban", "national_id", "email", "ip", "phone", "name"]
# `name` takes a model and is asked for by name.
USUAL: tuple[Entity, ...] = ("card", "iban", "national_id", "email", "ip", "phone")

# RFC 5321's lengths, in what people write: no quoted local parts, no address literals.
_EMAIL = (
    r"(?:\b[\w.+%'\-]|[\xc0-\xff])[\w.+%'\-\xc0-\xff]{0,63}@(?:[A-Za-z0-9\xc0-\xff\-]{1,63}\.){1,6}[A-Za-z]{2,24}\b"
)
# An image's or a file's name; `git@github.com:…` is nobody's.
_NO_DOMAIN = frozenset(
    ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "txt", "pdf", "service", "local"]
)
_NOBODY = frozenset({"git", "hg", "svn"})
# With what would make it a network or a longer number, so that it is no address by itself.
_IPV4 = r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b(?:/\d{1,2}\b|\.\d|-[A-Za-z])?"
_IPV6 = r"\b[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{0,4}:){1,6}(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|[0-9A-Fa-f]{1,4}\b)"
_VERSION = re.compile(
    r"(?i)(?:\bv|[a-z]/|version\W{0,3}|release\W{0,3}|build\W{0,3}|section\W{0,3}|§ ?|chapter |[=~>]= ?|\^|-|\.)$"
)

# All digits of numbers, and not the letters of addresses.
_COUNTED = (32, None)


class PersonalDataOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    entities: what is looked for.
    regions: countries (ISO 3166) whose telephone numbers are found without `+` and country code.
    countries: whose national numbers are looked for; `national.COUNTRIES` has all there are.
    private_ips: addresses of private and reserved networks count too.
    languages: of the texts, for `name`.
    """

    entities: tuple[Entity, ...] = USUAL
    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] = tuple(COUNTRIES)
    private_ips: bool = False
    languages: tuple[str, ...] = ("en",)

    def __post_init__(self) -> None:
        if unknown := [one for one in self.countries if one not in COUNTRIES]:
            raise ValueError(f"`{unknown[0]}` is no country whose numbers are known; known are {', '.join(COUNTRIES)}")
        if wrong := [one for one in self.regions if not re.fullmatch("[A-Z]{2}", one)]:
            raise ValueError(f"`{wrong[0]}` is no region; write two capitals, such as `US`")
        if not self.entities:
            raise ValueError("entities are empty: nothing would be looked for")


class PersonalDataDetector:
    """Kinds of its spans are its entities. Where two overlap, the one that is more certain stays (`USUAL`'s order)."""

    name = "personal_data"
    whole = False

    def __init__(self, options: PersonalDataOptions) -> None:
        words = _cues(options)
        # Few texts have such words in them, and fewer things look like numbers where they are missing.
        self._cues = Patterns([Rule("cue", words)], wide=True) if words else None
        self._uncued = _automata(options, cued=False)
        # Their patterns are among these.
        self._cued = Automata(_automata(options, cued=True), counted=_COUNTED)
        self._names = Names(options.languages) if "name" in options.entities else None
        self.whole = self._names is not None
        self.first = () if self.whole else (self._cued,)

    def find(self, text: str) -> Sequence[Span]:
        return found_in_plain(self._find, text)

    def _find(self, text: str) -> Sequence[Span]:
        spans: list[Sequence[Span]] = []
        if self._cued.may_be_in(text):
            cued = self._cues and self._cues.any_in(text)
            spans += [self._cued.find(text)] if cued else [patterns.find(text) for patterns in self._uncued]
        if self._names is not None:
            spans.append(self._names.find(text))
        return first_of(spans) if spans else ()

    def open_from(self, text: str) -> int:
        if self._names is not None:
            return 0
        return open_in_plain(self._cued.open_from, text)


def _cues(options: PersonalDataOptions) -> str:
    phones = CUES if options.regions and "phone" in options.entities else ""
    numbers = cues(options.countries) if "national_id" in options.entities else ""
    return "|".join(filter(None, (phones, numbers)))


def _automata(options: PersonalDataOptions, cued: bool) -> list[Patterns]:
    """One each: in one for all, the digits of one number would hide another."""
    rules: Mapping[Entity, Callable[[], Sequence[Rule]]] = {
        "card": lambda: [CARD_RULE],
        "iban": lambda: [IBAN_RULE],
        "national_id": lambda: national_rules(options.countries, cued),
        "email": lambda: [Rule("email", _EMAIL, _email)],
        "ip": lambda: _ip_rules(options.private_ips),
        "phone": lambda: phone_rules(options.regions, cued),
    }
    wanted = [rules[entity]() for entity in USUAL if entity in options.entities]
    return [Patterns(some) for some in wanted if some]


def _email(found: Found) -> Span | None:
    local, _, domain = found.text[found.start : found.end].partition("@")
    if domain.rpartition(".")[2].lower() in _NO_DOMAIN or local in _NOBODY:
        return None
    # `https://user@host` and `https://user:word@host` are no addresses.
    before = found.text[max(0, found.start - 80) : found.start]
    if re.search(r"://[^\s/?#]*$", before):
        return None
    start = found.start + len(local) - len(local.lstrip(".'%"))
    return Span(start, found.end, found.kind)


def _ip_rules(private: bool) -> list[Rule]:
    def judge(found: Found) -> Span | None:
        written = found.text[found.start : found.end]
        beside = found.text[max(0, found.start - 1) : found.start]
        if beside.isalnum() or beside in (":", "."):
            return None
        try:
            address = ipaddress.ip_address(written)
        except ValueError:
            return None
        if not private and not address.is_global:
            return None
        # `[1::2]` is a slice; addresses that are given out begin with 2000::/3.
        if address.version == 6 and (written.find(":") in (1, 2) or not (private or written[0] in "23")):
            return None
        if address.version == 4 and _VERSION.search(found.text, max(0, found.start - 12), found.start):
            return None
        return Span(found.start, found.end, found.kind)

    return [Rule("ip", _IPV4, judge), Rule("ip", _IPV6, judge)]
