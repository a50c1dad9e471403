"""Prompts in Langfuse's shape: what is broken harms no list, and no text grows without end."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gateway.core.clock import SystemClock
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.edge.langfuse import BASE, langfuse_routes
from gateway.langfuseview import langfuse_prompts
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.publishing import publish

CALLER = Principal(key_id="k", tenant="acme", team="a")


def put(root: Path, name: str, text: str) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "draft.prompt").write_text(text)
    publish(root, name, by="tests", message="", clock=SystemClock())


def client(library: Library) -> TestClient:
    async def identify(headers: Mapping[bytes, bytes]) -> Principal | None:
        return CALLER if headers.get(b"authorization") == b"Bearer gw-key" else None

    app = Starlette(routes=langfuse_routes(langfuse_prompts(Live(library)), identify))
    secret = base64.b64encode(b"pk:gw-key").decode()
    return TestClient(app, headers={"authorization": f"Basic {secret}"})


def test_a_version_that_cannot_be_used_is_told_and_the_others_are_listed(tmp_path: Path) -> None:
    put(tmp_path, "good", "---\nmodel: m\nconfig: {temperature: 0}\n---\nHello")
    put(tmp_path, "worse", "Hello")
    library = read_library(tmp_path)
    broken = library.prompts["worse"].versions[1]
    broken.lock = None if broken.lock is None else type(broken.lock)(digest="sha256:" + "0" * 64, at=broken.lock.at)
    with client(library) as asking:
        listed: list[dict[str, Any]] = asking.get(BASE).json()["data"]
        assert [(one["name"], one["lastConfig"]) for one in listed] == [("good", {"temperature": 0}), ("worse", {})]
        told = asking.get(f"{BASE}/worse", params={"version": 1})
        assert (told.status_code, told.json()["error"]) == (503, "ServiceUnavailableError")
        assert "cannot be used now" in told.json()["message"]


@pytest.mark.parametrize("name", ["page", "limit"])
@pytest.mark.parametrize("text", ["0", "x", "-1", "1.5", "000000001" + "0" * 5000, "0000000010000", "1000001"])
def test_what_is_no_page(tmp_path: Path, name: str, text: str) -> None:
    with client(read_library(tmp_path)) as asking:
        told = asking.get(BASE, params={name: text})
    assert (told.status_code, told.json()["error"]) == (400, "InvalidRequestError")


def test_partials_that_double_one_another_make_no_endless_text(tmp_path: Path) -> None:
    (tmp_path / "_p0.prompt").write_text("x" * 1000)
    for number in range(40):
        (tmp_path / f"_p{number + 1}.prompt").write_text(f"{{{{>p{number}}}}}{{{{>p{number}}}}}")
    put(tmp_path, "doubling", "{{>p5}}")
    put(tmp_path, "endless", "{{>p40}}")
    library = read_library(tmp_path)
    with client(library) as asking:
        assert len(asking.get(f"{BASE}/doubling", params={"version": 1}).json()["prompt"]) == 32_000
        told = asking.get(f"{BASE}/endless", params={"version": 1})
    assert (told.status_code, told.json()["error"]) == (404, "LangfuseNotFoundError")
    assert "longer than 2000000 characters" in told.json()["message"]
