"""A worker's application in this process, called as its server calls it; says what of the calls only the garbage
collector could free.

    python -m tests.behaviour.garbage CONFIG KEY MODEL
"""

import asyncio
import gc
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from gateway.app import build
from gateway.config import read_config
from gateway.edge.asgi import App
from gateway.processes import WorkerSpec

CALLS = 20
OURS = frozenset({"Call", "Flight", "Answer", "Exchange", "Record", "Reply", "Attempt", "JsonFields"})


class Client:
    """Sends one request and stays until it is answered."""

    def __init__(self, app: App, key: str, model: str) -> None:
        self._app = app
        self._key = key
        self._model = model

    async def call(self, said: str, *, stream: bool) -> int:
        """The status of the answer."""
        asked: dict[str, Any] = {"model": self._model, "stream": stream}
        body = json.dumps({**asked, "messages": [{"role": "user", "content": said}]}).encode()
        statuses: list[int] = []
        coming = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return coming.pop() if coming else await asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await asyncio.create_task(self._app(scope, receive, send))
        return statuses[0]


async def main(config: str, key: str, model: str) -> None:
    async with build(read_config(Path(config)), WorkerSpec(config, 0, 1, -1)) as application:
        client, unknown = Client(application.asgi, key, model), Client(application.asgi, key, "unknown")
        statuses: Counter[int] = Counter()

        async def calls(count: int, first: int) -> None:
            for number in range(first, first + count):
                for stream in (False, True):
                    statuses[await client.call(f"{number} {stream}: write to ann@example.com", stream=stream)] += 1
                statuses[await unknown.call("?", stream=False)] += 1

        await calls(3, 0)
        gc.collect()
        gc.disable()
        statuses.clear()
        await calls(CALLS, 100)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found = Counter(type(one).__name__ for one in gc.garbage)
        print(json.dumps({"statuses": statuses, "found": {name: found[name] for name in OURS if found[name]}}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
