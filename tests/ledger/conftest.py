from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_parts import Desk, ledger_at


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ledger_at(tmp_path) as store:
        yield Desk(tmp_path, store)
