"""Telephone numbers: what may be one by its form goes to libphonenumber, which knows the plans of all countries.

A number that begins with `+` says its country. Others count for the countries that a policy names (`regions`), and only
if written in that country's groups, or after a word such as `phone`: any ten digits are a valid number somewhere.
"""

import re
from collections.abc import Sequence

from gateway.guard.detectors.matching import Found, Patterns, Rule
from gateway.guard.detectors.numbering import groups_at_home, library, valid_abroad, valid_at_home
from gateway.guard.words import Span

INTERNATIONAL = r"\+[ ]?\d(?:[ \-./()\xa0]{0,3}\d){6,14}\b"
_FIRST = r"(?:\(\d{1,5}\)[ \-./\xa0]{0,2}|\b\d{1,6}[ \-./()\xa0]{1,2})"
# Three groups or more, or two of which the second is no decimal's end.
_GROUPED = rf"{_FIRST}(?:(?:\d{{2,9}}[ \-./()\xa0]{{1,2}}){{1,5}}\d{{2,9}}|\d{{4,9}})\b"
_PLAIN = r"\b\d{7,15}\b"
# In the languages of their countries; found anywhere they make a text worth a closer look.
CUES = (
    r"(?i:phone|tele[fp]h?on|téléphone|teléfono|\btel\b|\bcell|mobile?\b|móvil|portable|handy|\bcall|\bfax|whatsapp|\bsms\b|\btext"
    r"|\bring\b|hotline|anruf|rufnummer|appele|celular|cellulare|number is|nummer|numéro|contact|\bdial|\breach)"
)
_CUED = CUES + r"[^\n\d]{0,25}\z"
# What is written with digits and the same marks, and is no number to call: days, moments, years, amounts, addresses.
_OTHER = re.compile(
    r"(?:19|20)\d\d[\-/. ]\d\d?[\-/. ]|"
    r"\d{1,2}[\-/.]\d{1,2}[\-/.](?:19|20)\d\d|(?:19|20)\d\d ?[\-/] ?(?:19|20)\d\d|"
    r"\d{1,3}(?:\.\d{1,3}){3}$|\d+\.\d+$|\d{3}-\d\d-\d{4}$"
)
_BEFORE = 40


def phone_rules(regions: Sequence[str], cued: bool) -> list[Rule]:
    """Args:
        cued: there may be words in the text after which digits alone are a number (`CUES`).

    Raises:
        MissingExtra: phonenumbers is not installed.
    """
    library()
    cue = Patterns([Rule("cue", _CUED)], wide=True)

    def judge(found: Found) -> Span | None:
        written = found.text[found.start : found.end]
        digits = _digits(written)
        if written[0] == "+":
            return Span(found.start, found.end, found.kind) if valid_abroad(digits) else None
        if not 7 <= len(digits) <= 15:
            return None
        beside = found.text[max(0, found.start - 1) : found.start], found.text[found.end : found.end + 1]
        if not _NOT_BESIDE.isdisjoint(beside) or _OTHER.match(written):
            return None
        known = [region for region in regions if valid_at_home(digits, region)]
        if not known:
            return None
        if cued and cue.any_in(found.text[max(0, found.start - _BEFORE) : found.start]):
            return Span(found.start, found.end, found.kind, 0.9)
        groups = [] if written.isdigit() else re.findall(r"\d+", written)
        if groups and any(groups == groups_at_home(digits, region) for region in known):
            return Span(found.start, found.end, found.kind, 0.7)
        return None

    forms = [_GROUPED, _PLAIN] if cued else [_GROUPED]
    return [Rule("phone", form, judge) for form in (INTERNATIONAL, *(forms if regions else ()))]


_NOT_BESIDE = frozenset("-/.+#$€£_%=@")
# All that the patterns let stand between digits.
_MARKS = dict.fromkeys(map(ord, "+ -./()\xa0"))


def _digits(written: str) -> str:
    return written.translate(_MARKS)
