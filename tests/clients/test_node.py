"""openai and @anthropic-ai/sdk for Node: one Node process for all tests, fed a line for each call."""

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from tests.clients.behaviour import Behaviour
from tests.clients.client import Client
from tests.clients.conftest import Bench
from tests.clients.words import Ask, Refusal, Said

HERE = Path(__file__).parent / "node"
OLDEST = 20
pytestmark = [pytest.mark.asyncio(loop_scope="module")]


def install(folder: Path) -> str:
    """Put the SDKs into a folder; why it cannot be done, or nothing. A folder that has them is left as it is."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < OLDEST:
        return f"node {version} is older than {OLDEST}, which the SDKs need"
    wanted = (HERE / "package.json").read_text()
    shutil.copy(HERE / "clients.mjs", folder)
    done = folder / "installed.json"
    if done.exists() and done.read_text() == wanted:
        return ""
    (folder / "package.json").write_text(wanted)
    quick = ["--fetch-retries=1", "--fetch-timeout=10000", "--fetch-retry-mintimeout=100"]
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", *quick]
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return f"npm could not install the SDKs: {(error.stderr or str(error))[-300:]}"
    done.write_text(wanted)
    return ""


class Node:
    """The process, and the calls that wait for its answer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.numbers = itertools.count()
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            answer = json.loads(line)
            self.waiting.pop(answer["id"]).set_result(answer)
        for future in self.waiting.values():
            future.set_exception(AssertionError("node has ended"))

    async def call(self, **request: Any) -> Any:
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": number, **request}).encode() + b"\n")
        answer = await asyncio.wait_for(self.waiting[number], 20)
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer["said"]


class NodeError(Exception):
    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['kind']}: {told['text']}")
        self.told = told


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Node]:
    """Installed once into pytest's cache, so that only the first run asks npm's registry."""
    cache = getattr(request.config, "cache", None)
    folder = Path(cache.mkdir("node_clients")) if cache else tmp_path_factory.mktemp("node_clients")
    if reason := await asyncio.to_thread(install, folder):
        pytest.skip(reason)
    process = await asyncio.create_subprocess_exec(
        "node", "clients.mjs", cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 24
    )
    NodeClient.node = made = Node(process)
    try:
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await made.reading


class NodeClient(Client):
    sdk: ClassVar[str]
    node: ClassVar[Node]
    errors = (NodeError,)

    async def call(self, verb: str, model: str, ask: Ask) -> Any:
        told = {**asdict(ask), "image": base64.b64encode(ask.image).decode()}
        mine = {"kind": self.sdk, "server": self.server, "key": self.key, "retries": self.retries}
        return await self.node.call(**mine, do=verb, model=model, ask=told)

    async def say(self, model: str, ask: Ask) -> Said:
        return self.said(await self.call("say", model, ask))

    async def loop(self, model: str, ask: Ask) -> Said:
        return self.said(await self.call("loop", model, ask))

    async def count(self, model: str, prompt: str) -> int:
        return await self.call("count", model, Ask(prompt))

    def said(self, told: Any) -> Said:
        return Said(told["text"], [(name, arguments) for name, arguments in told["calls"]], tuple(told["used"]))

    def refusal(self, error: Exception) -> Refusal:
        assert isinstance(error, NodeError)
        return Refusal(**error.told)


class NodeChat(NodeClient):
    sdk = "chat"


class NodeResponses(NodeClient):
    sdk = "responses"


class NodeMessages(NodeClient):
    sdk = "messages"
    counts = True


class TestChatCompletions(Behaviour):
    kind = NodeChat


class TestResponses(Behaviour):
    kind = NodeResponses


class TestMessages(Behaviour):
    kind = NodeMessages


async def test_node_says_which_call_failed(bench: Bench) -> None:
    client = bench.connect(NodeChat)
    with pytest.raises(NodeError, match="NotFoundError"):
        await client.say("nothing", Ask())
