"""A scripted upstream that keeps its own books: it bills exactly the tokens that it has sent."""

import asyncio
import random
from collections.abc import Mapping
from typing import Literal, cast

import msgspec

from gateway.core.faults import UpstreamBroken, UpstreamTimeout
from gateway.transport.client import Exchange, HttpClient
from gateway.transport.options import Timeouts
from gateway.transport.url import Url

Behaviour = Literal["answers", "errors", "overloaded", "unreachable", "cuts", "stalls", "garbage"]
BEHAVIOURS: dict[Behaviour, float] = {
    "answers": 0.7, "errors": 0.05, "overloaded": 0.05, "unreachable": 0.05, "cuts": 0.07, "stalls": 0.05,
    "garbage": 0.03,
}  # fmt: skip
INPUT = 11  # tokens that every request is billed for


class Bill(msgspec.Struct):
    """What one request was billed. `request_id` joins it to the gateway's attempt, `trace_id` to its call."""

    request_id: str
    trace_id: str
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0  # of the input


class Upstream:
    """Stands in the place of HttpClient; answers chat completions with four letters a token."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.bills: list[Bill] = []

    async def send(
        self,
        url: Url,
        headers: Mapping[str, str],
        body: bytes,
        timeouts: Timeouts,
        method: str = "POST",
        opening: str = "",
    ) -> "Answering":
        dice = self._dice
        behaviour = dice.choices(list(BEHAVIOURS), list(BEHAVIOURS.values()))[0]
        await asyncio.sleep(dice.expovariate(2.0))
        if behaviour == "unreachable":
            raise UpstreamTimeout("the upstream did not answer in time")
        bill = Bill(f"req_{len(self.bills)}", headers["traceparent"].split("-")[1])
        cached = dice.choice([0, 0, 4, INPUT])
        self.bills.append(bill)
        stream = b'"stream":true' in body
        return Answering(dice, behaviour, bill, dice.randint(1, 12), cached, stream=stream)

    def as_client(self) -> HttpClient:
        return cast(HttpClient, self)


class Answering:
    """One exchange: an Exchange without a socket."""

    def __init__(
        self, dice: random.Random, behaviour: Behaviour, bill: Bill, tokens: int, cached: int, *, stream: bool
    ) -> None:
        self._cached = cached
        self._dice, self._behaviour, self._bill, self._tokens = dice, behaviour, bill, tokens
        self._sent = 0
        self._stage = 0
        self.status = {"errors": 500, "overloaded": 429}.get(behaviour, 200)
        self._stream = stream and self.status == 200
        kind = "text/event-stream" if self._stream else "application/json"
        self.headers = [("content-type", kind), ("x-request-id", bill.request_id)]
        self.open = True

    def close(self) -> None:
        self.open = False

    async def read(self) -> bytes:
        await asyncio.sleep(self._dice.expovariate(1.0))
        if self.status != 200:
            return msgspec.json.encode({"error": {"message": "no", "type": "server_error"}})
        if self._behaviour in ("cuts", "stalls"):
            await asyncio.sleep(60.0 if self._behaviour == "stalls" else 0.0)
            raise UpstreamBroken("the upstream closed the connection")
        if self._behaviour == "garbage":
            return b"<html>"
        self._bill.input_tokens, self._bill.output_tokens = INPUT, self._tokens
        self._bill.cached_tokens = self._cached
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "word" * self._tokens},
            "finish_reason": "stop",
        }
        return msgspec.json.encode({"id": "c", "model": "real", "choices": [choice], "usage": self._usage()})

    async def piece(self) -> bytes | None:
        """One event. Each tells the running usage, as engines do that are asked for it: so a stream that is cut is
        known to the token."""
        await asyncio.sleep(self._dice.expovariate(4.0))
        if not self.open:
            raise UpstreamBroken("the exchange is closed")
        if self._behaviour in ("cuts", "stalls", "garbage") and self._sent == self._tokens // 2:
            if self._behaviour == "stalls":
                await asyncio.sleep(60.0)
            if self._behaviour == "garbage":
                self._sent += 1
                return b"data: {nonsense\n\n"
            raise UpstreamBroken("the upstream closed the connection")
        if self._sent < self._tokens:
            self._sent += 1
            self._bill.input_tokens, self._bill.output_tokens = INPUT, self._sent
            self._bill.cached_tokens = self._cached
            return self._event({"content": "word"}, None)
        self._stage += 1
        if self._stage == 1:
            return self._event({}, "stop") + b"data: [DONE]\n\n"
        return None

    def _event(self, delta: object, finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "c", "model": "real", "choices": [choice], "usage": self._usage()}
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    def _usage(self) -> dict[str, int]:
        bill = self._bill
        total = bill.input_tokens + bill.output_tokens
        return {
            "prompt_tokens": bill.input_tokens,
            "completion_tokens": bill.output_tokens,
            "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": bill.cached_tokens},
        }


assert Exchange.__slots__, "what Answering stands in for"
