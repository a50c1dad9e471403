"""How long exceptions may last."""

import pytest

from gateway.access.loading import read_access
from gateway.stores.documents import DocumentError, Text

EXCEPTION = """
exceptions:
  - {id: x, owner: a, approver: b, reason: r, teams: [t], models: ['*'], from: 2026-01-01, until: 2125-12-01}
"""


def read(text: str) -> None:
    read_access([Text("access.yaml", text.encode())])


@pytest.mark.parametrize("days", ["36501", "10000000000", "0", "-1", "1e9", "many"])
def test_the_longest_time_is_a_number_of_days_within_a_century(days: str) -> None:
    with pytest.raises(DocumentError, match=r"^access\.yaml:1: max_exception_days: expected"):
        read(f"max_exception_days: {days}{EXCEPTION}")


def test_the_longest_time_is_kept_to() -> None:
    read(f"max_exception_days: 36500{EXCEPTION}")
    with pytest.raises(DocumentError, match=r"an exception lasts 36000 days at most"):
        read(f"max_exception_days: 36000{EXCEPTION}")


def test_without_a_word_it_is_ninety_days() -> None:
    with pytest.raises(DocumentError, match=r"^access\.yaml:3: an exception lasts 90 days at most"):
        read(EXCEPTION)
