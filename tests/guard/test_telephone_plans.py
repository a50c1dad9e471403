"""Which digits are a telephone number, compared with the library whose tables are asked."""

import random

import phonenumbers
import pytest

from gateway.guard.detectors.numbering import valid_abroad, valid_at_home

# Argentina writes a mobile number with a `15` in it that is not dialled from elsewhere: not known here.
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS - {"AR"})


def examples(region: str) -> list[phonenumbers.PhoneNumber]:
    kinds = (
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.TOLL_FREE,
    )
    found = [phonenumbers.example_number_for_type(region, kind) for kind in kinds]
    return [number for number in found if number is not None]


@pytest.mark.parametrize("region", REGIONS)
def test_the_examples_of_every_country_are_numbers(region: str) -> None:
    for number in examples(region):
        assert valid_abroad(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:])
        home = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        if all(one.isdigit() or one in " -()/" for one in home):
            assert valid_at_home("".join(filter(str.isdigit, home)), region)


def test_random_digits_are_numbers_where_the_library_says_so() -> None:
    """It knows ways to dial that are left out (Brazil's carriers), hence the few."""
    chance = random.Random(7)
    agreed = extra = 0
    for _ in range(3000):
        digits = chance.choice(["1", "44", "49", "33", "86", "7", "39", "800", "", "99"]) + str(
            chance.randrange(10**6, 10**10)
        )
        said = phonenumbers.is_valid_number(phonenumbers.parse("+" + digits)) if parses("+" + digits) else False
        agreed += valid_abroad(digits) is said
        extra += valid_abroad(digits) and not said
    assert agreed >= 2990
    assert extra <= 10


def parses(written: str) -> bool:
    try:
        phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        return False
    return True
