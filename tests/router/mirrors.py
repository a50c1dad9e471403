"""A caller's upstream, a mirror's, and the books that are kept of mirrors."""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.core.attempt import Charge
from gateway.core.call import Call, Reply
from gateway.core.live import Live
from gateway.pairs.store import Pair
from gateway.router.loading import read_routes
from gateway.router.mirroring import MirrorDeps, Mirrors
from gateway.router.router import Router
from gateway.router.telling import Untold
from gateway.stores.documents import Text
from gateway.testing import HandClock
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import A, permit

NANO = 1_000_000_000
Answer = Callable[[Call], Any]


class Told(Untold):
    def __init__(self) -> None:
        self.mirrors: list[tuple[str, str, str, int]] = []
        self.out: list[tuple[str, str, str]] = []
        self.pairs: list[str] = []

    def mirrored(self, route: str, model: str, result: str, nano: int) -> None:
        self.mirrors.append((route, model, result, nano))

    def left_out(self, route: str, model: str, reason: str) -> None:
        self.out.append((route, model, reason))

    def paired(self, result: str) -> None:
        self.pairs.append(result)


class Site:
    """Two upstreams, `a` for the caller and `b` for the mirror, and the books that are kept of mirrors."""

    def __init__(self, options: str = "", routes: str = "", **deps: Any) -> None:
        self.clock = HandClock(1_800_000_000.0)
        text = f"{routes}\nroutes: {{m: {{mirrors: [{{model: big{', ' if options else ''}{options}}}]}}}}"
        live = Live(read_routes(Text("routes.yaml", text.encode())))
        self.answers: dict[str, Answer] = {"a": lambda call: whole(b"caller's"), "b": lambda call: whole(b"mirror's")}
        providers = dict.fromkeys("ab", self._serve)
        self.router = Router(providers, self.clock, live)
        self.told, self.order = Told(), list[str]()
        self.opened, self.closed = list[Call](), list[Call]()
        self.pairs = list[Pair]()
        self.thrown, self.cost, self.journal_full = 0.0, 10, False
        given: dict[str, Any] = {"cost_of": lambda call, permit: 10, "keeps": self, "max_body_bytes": 1_000, **deps}
        self.mirrors = Mirrors(
            MirrorDeps(
                providers=providers,
                standings=self.router.standings,
                routes=live,
                clock=self.clock,
                books=Books(self),
                told=self.told,
                die=lambda: self.thrown,
                **given,
            )
        )
        self.service = self.mirrors.beside(self.router)

    def offer(self, pair: Pair) -> None:
        self.pairs.append(pair)

    async def _serve(self, call: Call) -> Reply:
        assert call.target is not None
        self.order.append(call.target.provider)
        call.served.asked = True
        await asyncio.sleep(0)
        reply = self.answers[call.target.provider](call)
        return await reply if asyncio.iscoroutine(reply) else reply

    def call(self, operation: str = "chat", **fields: Any) -> Call:
        call = call_of(operation, **fields)
        call.model, call.permits = "m", (A,)
        call.record.id, call.record.model = "01-call", "m"
        call.judge = lambda call, name: [permit("b/big", name)] if name == "big" else []
        return call

    async def ask(self, call: Call | None = None) -> tuple[Call, bytes]:
        """A call from beginning to end, as the edge does it."""
        call = call or self.call()
        reply = await self.service(call)
        body = reply.body
        for tap in reply.taps:
            body = tap(body)
        call.record.status = reply.status
        call.end("completed")
        call.close()
        return call, body

    async def settled(self) -> None:
        """Until no mirror is under way."""
        async with asyncio.timeout(5):
            while any(view["in_flight"] for view in self.mirrors.view()):
                await asyncio.sleep(0)


class Books:
    def __init__(self, site: Site) -> None:
        self._site = site

    def opened(self, call: Call) -> None:
        if self._site.journal_full:
            raise OSError("full")
        self._site.opened.append(call)

    def closed(self, call: Call) -> None:
        attempt = call.attempts[-1]
        attempt.pricing, attempt.charges = "priced", (Charge("output_tokens", 1, nano=self._site.cost),)
        self._site.closed.append(call)


def whole(body: bytes, status: int = 200) -> Reply:
    return Reply(status, [], body)


def streamed(*pieces: bytes | Exception) -> Reply:
    left = list(pieces)

    async def pull() -> bytes | None:
        await asyncio.sleep(0)
        if not left:
            return None
        if isinstance(piece := left.pop(0), Exception):
            raise piece
        return piece

    return Reply(200, [], stream=pull)
