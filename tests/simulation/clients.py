"""A client of the gateway, at the ASGI border: it may hang up at any moment, and read as slowly as it likes."""

import asyncio
import random
from typing import Any

import msgspec

from gateway.edge.asgi import App


class Heard(msgspec.Struct):
    """What one client knows of its call: the gateway's id for it, and whether it was told the whole answer."""

    id: str = ""
    status: int = 0
    whole: bool = False


class Client:
    def __init__(self, dice: random.Random, key: str, number: int) -> None:
        self._dice = dice
        self._key = key
        self._stream = dice.random() < 0.6
        self._hangs_up_after = dice.choice([None, None, dice.expovariate(0.3)])
        self._reads_in = dice.choice([0.0, 0.0, 0.2, 30.0 if dice.random() < 0.1 else 1.0])
        self._asked = False
        self.heard = Heard()
        self.number = number

    async def call(self, app: App) -> None:
        headers = [(b"content-type", b"application/json"), (b"x-key", self._key.encode())]
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": headers}
        await app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            body = {"model": "test-model", "messages": [], "stream": self._stream, "max_tokens": 12}
            return {"type": "http.request", "body": msgspec.json.encode(body), "more_body": False}
        await asyncio.sleep(1e6 if self._hangs_up_after is None else self._hangs_up_after)
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self._reads_in:
            await asyncio.sleep(self._reads_in)
        if message["type"] == "http.response.start":
            self.heard.status = message["status"]
            ids = [value for name, value in message["headers"] if name == b"x-request-id"]
            self.heard.id = ids[0].decode()
        elif not message.get("more_body", False):
            self.heard.whole = True
