"""Commands in this process, against a gateway in one of its own: half of what a command takes is to start."""

import asyncio
import json
from typing import Any, NamedTuple

import pytest

from gateway.cli import main
from tests.conftest import Site


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


class Commands:
    """`await commands.command(…)` is `gateway …`. What the upstream was asked before it is forgotten.

    Attributes:
        asking: the options that say which gateway is asked, and with which key.
    """

    def __init__(self, place: Site, capsys: pytest.CaptureFixture[str]) -> None:
        self._place, self._capsys = place, capsys
        folder = place.gateway.folder
        self.asking = ("--config", str(folder / "config.yaml"), "--key-file", str(folder / "team.key"), "--no-cache")

    async def command(self, *words: str) -> Done:
        self._capsys.readouterr()
        self._place.upstream.requests.clear()
        code = await asyncio.to_thread(main, list(words))
        return Done(code, *self._capsys.readouterr())
