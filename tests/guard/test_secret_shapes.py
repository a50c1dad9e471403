"""What counts as a credential, and which part of it a finding covers."""

import pytest

from gateway.guard.detectors.cards import luhn, mod_97
from gateway.guard.detectors.secrets import looks_random
from tests.guard.scoring import build


def found(name: str, text: str, options: dict[str, object] | None = None) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in build(name, options).find(text)]


def test_of_an_assignment_only_the_value_is_covered() -> None:
    assert found("secrets", 'db_password = "hunter2Xy9!"') == [("password", "hunter2Xy9!")]


def test_a_shape_of_its_own_counts_more_than_the_name_before_it() -> None:
    key = "ghp_" + "aB3x" * 9
    assert found("secrets", f"token = '{key}'") == [("github_token", key)]


def test_names_may_be_left_out() -> None:
    assert found("secrets", 'db_password = "hunter2Xy9!"', {"assignments": False}) == []


@pytest.mark.parametrize("value", ["hunter2Xy9!", "q9f3c2b71zzk4w", "Tr0ub4dor&3", "0b7c1f5e9d2a4c6b"])
def test_random_values(value: str) -> None:
    assert looks_random(value)


@pytest.mark.parametrize(
    "value",
    [
        "required",
        "12345678",
        "YOUR_API_KEY_1",
        "${TOKEN_1}",
        "os.environ['A1']",
        "prod-db-credentials-2",
        "base64.b64decode",
        "xxxxxxxx1",
    ],
)
def test_names_and_places_for_a_value_are_not_random(value: str) -> None:
    assert not looks_random(value)


def test_national_telephone_numbers_count_for_the_regions_of_a_policy() -> None:
    assert found("personal_data", "call 030 901820") == [("phone", "030 901820")]
    assert found("personal_data", "call 030 901820", {"regions": ["US"]}) == []
    assert found("personal_data", "call +49 30 901820", {}) == [("phone", "+49 30 901820")]


def test_private_addresses_count_where_a_policy_says_so() -> None:
    assert found("personal_data", "from 192.168.1.10 and fd00::1:2") == []
    private = {"private_ips": True}
    assert found("personal_data", "from 192.168.1.10 and fd00::1:2", private) == [
        ("ip", "192.168.1.10"),
        ("ip", "fd00::1:2"),
    ]


def test_only_the_entities_that_were_asked_for() -> None:
    text = "joe@example.org 8.8.8.8 4111 1111 1111 1111"
    assert found("personal_data", text, {"entities": ["ip"]}) == [("ip", "8.8.8.8")]


def test_check_digits() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
    assert mod_97("GB29NWBK60161331926819")
    assert not mod_97("GB29NWBK60161331926818")
