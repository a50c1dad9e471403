"""The fleet from the bench's side: started, told how to behave, and asked what it saw."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from tests.fleet.counts import Report
from tests.fleet.modes import Behaviour
from tests.ports import free_port
from tests.speed.child import BenchError, Child
from tests.speed.cores import placement
from tests.speed.http_reading import request_bytes
from tests.speed.probing import answers_with, ask


class Fleet:
    """`with Fleet(["a", "b"], folder) as fleet: fleet.set(a="black_hole")`: one process, as many upstreams."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self.ports = {name: free_port() for name in names}
        self._control = free_port()
        words = [f"{name}={port}" for name, port in self.ports.items()]
        argv = (sys.executable, "-m", "tests.fleet.upstream", str(self._control), *words)
        places = placement()
        self._child = Child("fleet", argv, places.contestants | places.load, folder / "fleet.log")

    def __enter__(self) -> Self:
        self._child.__enter__()
        self._child.wait_until(lambda: answers_with(self._control, request_bytes(self._control, "GET", "/counts")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.__exit__(kind, error, trace)

    def base_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}/v1"

    def set(self, **modes: str | Behaviour) -> Report:
        """How upstreams behave from now on."""
        return self._tell("POST", "/set", modes)

    def counts(self) -> Report:
        return self._tell("GET", "/counts", {})

    def forget(self) -> Report:
        """Begin to count anew; what was seen until now is lost."""
        return self._tell("POST", "/forget", {})

    async def set_soon(self, modes: Mapping[str, str]) -> Report:
        """As `set`, without holding up the loop that sends the load."""
        return await asyncio.to_thread(self.set, **modes)

    def _tell(self, method: str, path: str, modes: Mapping[str, str | Behaviour]) -> Report:
        body = msgspec.json.encode(modes)
        answer = ask(self._control, request_bytes(self._control, method, path, body), timeout_s=20)
        if answer.status != 200:
            raise BenchError(f"the fleet does not take {body.decode()}: {answer.payload().decode()}")
        return msgspec.json.decode(answer.payload(), type=Report)
