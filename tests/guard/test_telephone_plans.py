"""Which digits are a telephone number, compared with the library whose tables are asked."""

import random
import re

import phonenumbers
import pytest

from gateway.guard.detectors.numbering import groups_at_home, valid_abroad, valid_at_home

# Argentina writes a mobile number with a `15` in it that is not dialled from elsewhere: not known here.
NATIONAL = phonenumbers.PhoneNumberFormat.NATIONAL
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


@pytest.mark.parametrize("region", REGIONS)
def test_a_number_is_written_in_the_groups_of_its_country(region: str) -> None:
    homes = [phonenumbers.format_number(number, NATIONAL) for number in examples(region)]
    plain = [home for home in homes if all(one.isdigit() or one in " -.()/" for one in home)]
    assert plain or not homes
    for home in plain:
        assert groups_at_home("".join(filter(str.isdigit, home)), region) == re.findall(r"\d+", home)


@pytest.mark.parametrize("region", ["US", "DE", "GB", "FR", "IT", "CH", "JP", "IN", "BR", "AT"])
def test_random_numbers_are_written_in_the_groups_of_their_country(region: str) -> None:
    chance, seen = random.Random(11), 0
    for _ in range(3000):
        length = chance.randint(7, 11)
        digits = chance.choice(["", "0"]) + str(chance.randrange(10 ** (length - 1), 10**length))
        # The library takes off a country's code that nobody dials at home: then they are other digits.
        if valid_at_home(digits, region) and str(number_of(digits, region)) in (digits, digits[1:]):
            seen += 1
            said = phonenumbers.format_number(phonenumbers.parse(digits, region), NATIONAL)
            assert groups_at_home(digits, region) == re.findall(r"\d+", said)
    assert seen > 50


def number_of(digits: str, region: str) -> int | None:
    try:
        return phonenumbers.parse(digits, region).national_number
    except phonenumbers.NumberParseException:
        return None


def parses(written: str) -> bool:
    try:
        phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        return False
    return True
