"""The table of recorded exchanges: all pass but those that are listed with their reason."""

import pytest

from tests.dialects.recorded import CORPUS
from tests.dialects.table import lines
from tests.dialects.test_recorded_answers import ODD

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")


def test_every_exchange_of_every_provider_passes_or_has_its_reason() -> None:
    printed = list(lines())
    assert [line for line in printed if line.startswith("*")] == [f"* {name}: {ODD[name]}" for name in sorted(ODD)]
    (total,) = (line for line in printed if line.startswith("| all "))
    count, passed = (int(cell) for cell in total.split("|")[3:5])
    assert (count > 700, count - passed) == (True, len(ODD))
