"""Is it a telephone number? By libphonenumber's tables, without its parser.

`phonenumbers.parse` and `is_valid_number` take 50 to 100 µs for each country tried, on numbers that mostly are none.
Their answer is that of a few patterns in the library's tables; asked directly, they take 1 µs (a test compares both).
How a number is written at home is a template beside them: 8 µs, and the library's parser and formatter 24, which raise
for digits that are a number here and look like another country's code there.
"""

import functools
import re
from typing import Any, NamedTuple

from gateway.guard.detectors.matching import MISSING, MissingExtra

_KINDS = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)


class _Plan(NamedTuple):
    """`number`: what follows the country's code. `trunk`: what is dialled before it at home, `0` or `1` mostly."""

    number: re.Pattern[str]
    trunk: re.Pattern[str] | None

    def significant(self, digits: str) -> str:
        """What is dialled from everywhere; empty if they are no number."""
        if self.number.fullmatch(digits):
            return digits
        if self.trunk is None or (begun := self.trunk.match(digits)) is None or not begun.end():
            return ""
        return digits[begun.end() :] if self.number.fullmatch(digits, begun.end()) else ""


class _Form(NamedTuple):
    """`leading`: what numbers begin with that are written so. `groups`: the whole number. `template`: for `expand`."""

    leading: re.Pattern[str]
    groups: re.Pattern[str]
    template: str


def library() -> Any:
    """Raises:
    MissingExtra: phonenumbers is not installed.
    """
    try:
        import phonenumbers
    except ImportError:
        raise MissingExtra(MISSING) from None
    return phonenumbers


def valid_abroad(digits: str) -> bool:
    """Digits as they follow a `+`."""
    regions = library().COUNTRY_CODE_TO_REGION_CODE
    for length in (1, 2, 3):
        if (code := int(digits[:length])) in regions:
            return any(_plan(region, code).significant(digits[length:]) for region in regions[code])
    return False


def valid_at_home(digits: str, region: str) -> bool:
    """Digits as they are dialled in a country."""
    return bool(_plan(region, 0).significant(digits))


def groups_at_home(digits: str, region: str) -> list[str]:
    """The groups of digits that a valid number is written in, in its country."""
    significant = _plan(region, 0).significant(digits)
    for form in _forms(region):
        if form.leading.match(significant) and (number := form.groups.fullmatch(significant)):
            return re.findall(r"\d+", number.expand(form.template))
    return [significant]


@functools.lru_cache(512)
def _plan(region: str, code: int) -> _Plan:
    """`001` is the region of those codes that belong to no country."""
    tables = library().PhoneMetadata
    if region == "001":
        known = tables.metadata_for_nongeo_region(code, None)
    else:
        known = tables.metadata_for_region(region, None)
    if known is None:
        return _Plan(re.compile("(?!)"), None)
    kinds = [getattr(known, kind) for kind in _KINDS]
    patterns = [one.national_number_pattern for one in kinds if one and one.national_number_pattern]
    trunk = known.national_prefix_for_parsing
    return _Plan(re.compile("|".join(patterns) or "(?!)"), re.compile(trunk) if trunk else None)


@functools.lru_cache(256)
def _forms(region: str) -> tuple[_Form, ...]:
    """Countries that share a code share its forms, which stand with the first of them."""
    tables, codes = library().PhoneMetadata, library().COUNTRY_CODE_TO_REGION_CODE
    home = tables.metadata_for_region(region, None)
    known = tables.metadata_for_region(codes[home.country_code][0], None) if home else None
    return tuple(
        _Form(
            # The last is the most exact of several.
            re.compile((form.leading_digits_pattern or [""])[-1]),
            re.compile(form.pattern),
            # The first group with what is dialled before it at home.
            re.sub(r"\\\d", lambda _, rule=form.national_prefix_formatting_rule: rule, form.format, count=1)
            if form.national_prefix_formatting_rule
            else form.format,
        )
        for form in (known.number_format if known else ())
    )
