"""Telephone numbers: what may be one by its form goes to libphonenumber, which knows the plans of all countries.

A number that begins with `+` says its country. Others count for the countries that a policy names (`regions`), and only
if written in that country's groups, or after a word such as `phone`: any ten digits are a valid number somewhere.
"""

import re
from collections.abc import Sequence
from typing import Any

from gateway.guard.detectors.matching import MISSING, Found, MissingExtra, Rule
from gateway.guard.words import Span

INTERNATIONAL = r"\+[ ]?\d(?:[ \-./()\xa0]{0,3}\d){6,14}\b"
NATIONAL = r"(?:\(|\b)\d(?:[ \-./()\xa0]{0,2}\d){6,14}\b"
_CUES = re.compile(
    r"(?i)\b(?:phone|telephone|tel|cell|mobile?|call|fax|whatsapp|sms|text|ring|hotline|telefon|handy|mobil|anruf\w*|rufnummer"
    r"|téléphone|portable|appele\w*|teléfono|móvil|telefone|celular|telefono|cellulare|telefoon|number is|nummer|numéro"
    r"|contact|dial|reach\w*)\b[^\n\d]{0,25}$"
)
# What is written with digits and the same marks, and is no number to call: days, moments, years, amounts, addresses.
_OTHER = re.compile(
    r"(?:19|20)\d\d[\-/. ](?:0?[1-9]|1[0-2])[\-/. ]|"
    r"\d{1,2}[\-/.]\d{1,2}[\-/.](?:19|20)\d\d|(?:19|20)\d\d ?[\-/] ?(?:19|20)\d\d|"
    r"\d{1,3}(?:\.\d{1,3}){3}$|\d+\.\d+$|\d{3}-\d\d-\d{4}$"
)
_BEFORE = 40


def phone_rules(regions: Sequence[str]) -> list[Rule]:
    """Raises:
    MissingExtra: phonenumbers is not installed.
    """
    try:
        import phonenumbers
    except ImportError:
        raise MissingExtra(MISSING) from None
    library: Any = phonenumbers

    def parsed(written: str, region: str | None) -> Any:
        try:
            number = library.parse(written, region)
        except library.NumberParseException:
            return None
        return number if library.is_valid_number(number) else None

    def international(found: Found) -> Span | None:
        known = parsed(found.text[found.start : found.end], None)
        return Span(found.start, found.end, found.kind) if known else None

    def national(found: Found) -> Span | None:
        written = found.text[found.start : found.end]
        beside = found.text[max(0, found.start - 1) : found.start], found.text[found.end : found.end + 1]
        if _OTHER.match(written) or not _NOT_BESIDE.isdisjoint(beside):
            return None
        cued = _CUES.search(found.text, max(0, found.start - _BEFORE), found.start) is not None
        if not cued and written.isdigit():
            return None
        for region in regions:
            number = parsed(written, region)
            if number and (cued or _groups(library.format_number(number, _AS_AT_HOME)) == _groups(written)):
                return Span(found.start, found.end, found.kind, 0.9 if cued else 0.7)
        return None

    rules = [Rule("phone", INTERNATIONAL, international)]
    return [*rules, Rule("phone", NATIONAL, national)] if regions else rules


# phonenumbers.PhoneNumberFormat.NATIONAL
_AS_AT_HOME = 2
_NOT_BESIDE = frozenset("-/.+#$€£_%=@")


def _groups(written: str) -> list[str]:
    return re.findall(r"\d+", written)
