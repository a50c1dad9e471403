"""Payment cards and bank accounts: the forms of their numbers, and their check digits."""

from gateway.guard.detectors.matching import Found, Rule
from gateway.guard.words import Span

_S = r"[ \-]?"
# ISO/IEC 7812: issuers' ranges and lengths, as the networks publish them, written in fours, in Amex's 4-6-5, or plain.
_FOURS = rf"\d{{2}}{_S}\d{{4}}{_S}\d{{4}}"
CARD = (
    rf"\b(?:4\d{{3}}{_S}\d{{4}}{_S}\d{{4}}{_S}\d{{4}}(?:{_S}\d{{3}})?"  # Visa
    rf"|(?:5[1-5]\d{{2}}|2(?:22[1-9]|2[3-9]\d|[3-6]\d{{2}}|7[01]\d|720)){_S}\d{{4}}{_S}\d{{4}}{_S}\d{{4}}"  # Mastercard
    rf"|3[47]\d{{2}}{_S}\d{{6}}{_S}\d{{5}}"  # American Express
    rf"|3(?:0[0-59]|[689]\d)\d{_S}\d{{6}}{_S}\d{{4}}"  # Diners
    rf"|(?:6011|64[4-9]\d|65\d{{2}}|35(?:2[89]|[3-8]\d)|62\d{{2}}){_S}\d{{4}}{_S}\d{{4}}{_S}\d{{4}}(?:{_S}\d{{3}})?"
    rf"|(?:5018|5020|5038|5893|6304|6759|676[1-3]){_S}\d{{4}}{_S}\d{{4}}{_S}\d{{4}}"  # Maestro
    r")\b"
)
IBAN = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"
# Characters by country: the SWIFT IBAN registry.
_IBAN_LENGTHS = {
    length: frozenset(countries.split())
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
}  # fmt: skip
_LENGTH = {country: length for length, countries in _IBAN_LENGTHS.items() for country in countries}
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    # Of bytes, since sums of them are the quickest; 48 is `0`.
    written = digits.encode()
    total = sum(written[-1::-2]) + sum(written[-2::-2].translate(_DOUBLED)) - 48 * len(written)
    return total % 10 == 0


def mod_97(iban: str) -> bool:
    """ISO 13616, with ISO 7064's MOD 97-10."""
    return int("".join(str(int(one, 36)) for one in iban[4:] + iban[:4])) % 97 == 1


def _card(found: Found) -> Span | None:
    written = found.text[found.start : found.end]
    digits = written.replace(" ", "").replace("-", "")
    beside = found.text[max(0, found.start - 1) : found.start]
    # A part of a longer number or of an id, and test rows such as 4444 4444 4444 4444.
    if beside in (".", "-", "_", "/") or len(set(digits)) < 2 or not luhn(digits):
        return None
    return Span(found.start, found.end, found.kind)


def _iban(found: Found) -> Span | None:
    length = _LENGTH.get(found.text[found.start : found.start + 2])
    if length is None:
        return None
    end, characters = found.start, 0
    while end < found.end and characters < length:
        characters += found.text[end] != " "
        end += 1
    # Capitals may follow a number; they are not part of it.
    if characters < length or (end < found.end and found.text[end] != " "):
        return None
    if not mod_97(found.text[found.start : end].replace(" ", "")):
        return None
    return Span(found.start, end, found.kind)


CARD_RULE = Rule("card", CARD, _card)
IBAN_RULE = Rule("iban", IBAN, _iban)
