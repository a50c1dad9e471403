from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from alert_bench import Bench
from ledger_parts import Desk, Place, PostgresPlace, SqlitePlace

from gateway.testing import ScriptedUpstream, json_answer
from gateway.transport.client import HttpClient
from gateway.transport.options import ClientOptions
from tests.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a test's ledger is: of every kind that the module names in KINDS."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return SqlitePlace(tmp_path)
    return PostgresPlace(request.getfixturevalue("postgres").fresh_database())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" in metafunc.fixturenames and hasattr(metafunc.module, "KINDS"):
        metafunc.parametrize("place", metafunc.module.KINDS, indirect=True)


@pytest.fixture
def desk(tmp_path: Path, place: Place) -> Iterator[Desk]:
    with place.ledger() as store:
        yield Desk(tmp_path, store, place=place)


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with ScriptedUpstream({"*": json_answer({"ok": True})}) as receiver, HttpClient(ClientOptions()) as client:
        made = Bench(tmp_path, receiver, client)
        with made.outbox:
            yield made
