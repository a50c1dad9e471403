from collections.abc import Iterator
from pathlib import Path

import pytest
from shelves import Shelf

from gateway.core.clock import SystemClock
from gateway.prompts.labels.opening import open_labels
from gateway.prompts.labels.options import LabelPlace, PromptOptions
from gateway.prompts.labels.store import LabelStore
from tests.postgres import PostgresServer, postgres_server


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "prompts")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LabelPlace:
    """Where labels are kept: of either kind."""
    url = request.getfixturevalue("postgres").fresh_database() if request.param == "postgres" else None
    return LabelPlace(tmp_path / "prompts.db", tmp_path / "prompts.snapshot", PromptOptions(url=url))


@pytest.fixture
def store(place: LabelPlace) -> Iterator[LabelStore]:
    with open_labels(place, SystemClock()) as opened:
        yield opened
