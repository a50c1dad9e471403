"""An issuer, and what asks it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from gateway.transport.client import HttpClient
from gateway.transport.options import ClientOptions
from tests.identity.issuing import Provider, provider


@pytest_asyncio.fixture
async def idp() -> AsyncIterator[Provider]:
    async with provider() as made:
        yield made


@pytest_asyncio.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(ClientOptions()) as made:
        yield made
