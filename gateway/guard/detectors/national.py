"""National identity and tax numbers: country → its numbers, each with its form and its check.

Forms and check digits are python-stdnum's, whose pages cite each country's rule. A number with no form of its own (nine
or eleven digits in a row) counts only after a word that says what it is: order numbers pass such checks too.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.guard.detectors.matching import MISSING, Found, MissingExtra, Patterns, Rule
from gateway.guard.words import Span


class Number(NamedTuple):
    """`pattern`: its form. `module`: stdnum's, empty where it has none and the form is all. `words`: one of these must
    stand before a number, within 40 characters; none needed if empty."""

    pattern: str
    module: str
    words: str = ""


COUNTRIES: dict[str, tuple[Number, ...]] = {
    "AU": (Number(r"\b\d{3} ?\d{3} ?\d{3}\b", "au.tfn", r"tfn|tax file"),),
    "BE": (
        Number(r"\b\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}\b", "be.nn"),
        Number(r"\b\d{11}\b", "be.nn", r"rijksregister|registre national|niss|insz|national number"),
    ),
    "BR": (
        Number(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b", "br.cpf"),
        Number(r"\b\d{11}\b", "br.cpf", r"cpf"),
    ),
    "CA": (
        Number(r"\b\d{3}[ \-]?\d{3}[ \-]?\d{3}\b", "ca.sin", r"\bsin\b|\bnas\b|social insurance|assurance sociale"),
    ),
    "CH": (Number(r"\b756\.\d{4}\.\d{4}\.\d{2}\b", "ch.ssn"),),
    "CL": (Number(r"\b\d{1,2}\.\d{3}\.\d{3}-[\dKk]\b", "cl.rut"),),
    "CN": (Number(r"\b[1-9]\d{5}(?:19|20)\d{9}[\dXx]\b", "cn.ric"),),
    "DE": (
        Number(
            r"\b[1-9]\d ?\d{3} ?\d{3} ?\d{3}\b",
            "de.idnr",
            r"steuer|idnr|\btin\b|tax id|identifikationsnummer|\bsteuer-?id",
        ),
    ),
    "DK": (Number(r"\b[0-3]\d[01]\d{3}-?\d{4}\b", "dk.cpr", r"cpr|personnummer"),),
    "ES": (
        Number(r"\b\d{8}-?[A-HJ-NP-TV-Z]\b", "es.dni"),
        Number(r"\b[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z]\b", "es.nie"),
    ),
    "FI": (Number(r"\b[0-3]\d[01]\d{3}[+\-A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]\b", "fi.hetu"),),
    "FR": (Number(r"\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}\b", "fr.nir"),),
    "GB": (
        Number(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", ""),
        Number(r"\b\d{3}[ \-]?\d{3}[ \-]?\d{4}\b", "gb.nhs", r"\bnhs\b"),
    ),
    "IN": (
        Number(r"\b[2-9]\d{3} ?\d{4} ?\d{4}\b", "in_.aadhaar", r"aadha?ar|uidai"),
        Number(r"\b[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]\b", "in_.pan", r"\bpan\b|permanent account"),
    ),
    "IT": (Number(r"\b[A-Z]{6}[\dL-NP-V]{2}[A-EHLMPRST][\dL-NP-V]{2}[A-Z][\dL-NP-V]{3}[A-Z]\b", "it.codicefiscale"),),
    "KR": (Number(r"\b\d{2}[01]\d[0-3]\d-[1-8]\d{6}\b", "kr.rrn"),),
    "MX": (Number(r"\b[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d\b", "mx.curp"),),
    "NL": (Number(r"\b\d{9}\b", "nl.bsn", r"\bbsn\b|burgerservice|sofi"),),
    "NO": (Number(r"\b[0-3]\d[01]\d{3} ?\d{5}\b", "no.fodselsnummer", r"fødsels|fodsels|personnummer"),),
    "PL": (Number(r"\b\d{11}\b", "pl.pesel", r"pesel"),),
    "PT": (Number(r"\b[1-3]\d{2} ?\d{3} ?\d{3}\b", "pt.nif", r"\bnif\b|contribuinte"),),
    "SE": (
        Number(r"\b(?:19|20)?\d{2}[01]\d[0-3]\d[+\-]\d{4}\b", "se.personnummer"),
        Number(r"\b(?:19|20)?\d{2}[01]\d[0-3]\d{5}\b", "se.personnummer", r"personnummer|\bpnr\b"),
    ),
    "US": (
        Number(r"\b\d{3}-\d{2}-\d{4}\b", "us.ssn"),
        Number(r"\b\d{9}\b", "us.ssn", r"\bssn\b|social security"),
        Number(r"\b\d{3} \d{2} \d{4}\b", "us.ssn", r"\bssn\b|social security"),
    ),
    "ZA": (Number(r"\b\d{2}[01]\d[0-3]\d{6}[01]\d{2}\b", "za.idnr"),),
}
_BEFORE = 40
# The end of a longer number.
_LONGER = re.compile(r"\d[ .\-/]$|[.\-_/#]$")


def cues(countries: Sequence[str]) -> str:
    """A pattern of the words before numbers that have no form of their own; empty if none have to be there."""
    words = [number.words for country in countries for number in COUNTRIES[country] if number.words]
    return f"(?i:{'|'.join(words)})" if words else ""


def national_rules(countries: Sequence[str], cued: bool) -> list[Rule]:
    """One judge for all forms of the countries: a number may have the form of several.

    Args:
        cued: there may be words in the text after which numbers without a form of their own count (`cues`).

    Raises:
        MissingExtra: python-stdnum is not installed.
    """
    numbers = [number for country in countries for number in COUNTRIES[country]]
    shaped = [_Form(number) for number in numbers if not number.words]
    wordy = [_Form(number) for number in numbers if number.words] if cued else []
    any_words = Patterns([Rule("cue", cues(countries))], wide=True) if wordy else None

    def judge(found: Found) -> Span | None:
        written = found.text[found.start : found.end]
        before = found.text[max(0, found.start - _BEFORE) : found.start]
        if _LONGER.search(before):
            return None
        if any(form.fits(written) for form in shaped):
            return Span(found.start, found.end, found.kind)
        if any_words and any_words.any_in(before) and any(form.fits(written, before) for form in wordy):
            return Span(found.start, found.end, found.kind, 0.9)
        return None

    # Those with a form of their own come first, whether or not the others are there too.
    patterns = dict.fromkeys(form.number.pattern for form in (*shaped, *wordy))
    return [Rule("national_id", pattern, judge) for pattern in patterns]


class _Form:
    def __init__(self, number: Number) -> None:
        self.number = number
        self._form = re.compile(number.pattern)
        self._valid = _check(number.module)
        self._words = re.compile(f"(?i:{number.words})")

    def fits(self, written: str, before: str = "") -> bool:
        known = self._form.fullmatch(written) is not None and self._words.search(before) is not None
        return known and self._valid(written)


def _check(module: str) -> Callable[[str], bool]:
    if not module:
        return lambda written: True  # noqa: ARG005
    try:
        return importlib.import_module(f"stdnum.{module}").is_valid
    except ImportError:
        raise MissingExtra(MISSING) from None
