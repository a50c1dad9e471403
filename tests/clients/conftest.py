"""One gateway per module, in front of one scripted upstream that speaks every protocol at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from gateway.testing import Script, ScriptedUpstream, json_answer
from tests.conftest import Gateway, gateways

pytest.register_assert_rewrite("tests.clients.behaviour", "tests.clients.upstreams", "tests.clients.words")

from tests.clients.client import Client  # noqa: E402  after the rewriting is asked for
from tests.clients.upstreams import UPSTREAMS, Upstream  # noqa: E402
from tests.clients.words import Heard  # noqa: E402


@dataclass
class Bench:
    """The gateway, the upstream behind it, and the clients that were connected."""

    gateway: Gateway
    server: ScriptedUpstream
    connected: dict[tuple[type[Client], str, int], Client] = field(default_factory=dict)

    def connect(self, kind: Callable[[str, str, int], Client], retries: int = 0, key: str = "") -> Client:
        """A client of this kind; connections are kept for the next test."""
        named = (kind, key, retries)
        if named not in self.connected:  # type: ignore[comparison-overlap]
            self.connected[named] = kind(self.gateway.url, key or self.gateway.key, retries)  # type: ignore[index]
        return self.connected[named]  # type: ignore[index]

    def script(self, upstream: Upstream, *scripts: Script) -> None:
        """What an upstream answers from now on, each once and the last for ever; earlier requests are forgotten."""
        for path in upstream.paths():
            self.server.set(path, *scripts)
        if upstream.counting:
            path, body = upstream.counting
            self.server.set(upstream.path_of(path), json_answer(body))
        self.server.requests.clear()

    def heard(self, upstream: Upstream) -> list[Heard]:
        """Every request since, read as strictly as the upstream itself would."""
        return [upstream.heard(request.json()) for request in self.server.requests]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with ScriptedUpstream({}) as server:
        providers = {row.protocol: {**row.provider, "base_url": server.base_url} for row in UPSTREAMS.values()}
        models = {row.alias: {"targets": [f"{row.protocol}/{row.model}"]} for row in UPSTREAMS.values()}
        with gateways(tmp_path_factory.mktemp("clients")) as make:
            gateway = await asyncio.to_thread(make(providers=providers, models=models).start)
            made = Bench(gateway, server)
            try:
                yield made
            finally:
                for client in made.connected.values():
                    await client.close()


@pytest.fixture(params=list(UPSTREAMS))
def upstream(request: pytest.FixtureRequest) -> Upstream:
    return UPSTREAMS[request.param]
