"""Moving labels by the admin API: what is no version is told, and none is taken for another."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from gateway.core.clock import SystemClock
from gateway.core.faults import BadRequest
from gateway.core.live import Live
from gateway.edge.admin.prompts import MoveRequest, PromptsDeps
from gateway.prompts.labels.options import LabelPlace
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.metadata import Meta
from gateway.prompts.publishing import publish
from gateway.prompts.versions import Problem
from gateway.promptview import prompts_deps


@pytest.fixture
def deps(tmp_path: Path) -> PromptsDeps:
    root = tmp_path / "prompts"
    for text in ("one", "two"):
        (root / "a").mkdir(parents=True, exist_ok=True)
        (root / "a/draft.prompt").write_text(text)
        publish(root, "a", by="tests", message="", clock=SystemClock())

    def note(actor: str, action: str, object: str, details: Mapping[str, object]) -> None: ...

    return prompts_deps(Live(read_library(root)), LabelPlace(tmp_path / "labels.db", tmp_path / "labels.json"), note)


@pytest.mark.parametrize("version", ["x", "", "0", "02", " 2", "1_0", "٢", "9" * 5000])
def test_what_is_no_version_is_told(deps: PromptsDeps, version: str) -> None:
    asked = MoveRequest(prompt="a", label="beta", to={"1": 90, "2": 5, version: 5})
    with pytest.raises(BadRequest, match=r"^`.{0,40}` is no version; they are numbered 1, 2, 3 …$") as refused:
        asyncio.run(deps.move(asked, "ann"))
    assert refused.value.param == "to"


def test_weights_are_taken_as_they_are_written(deps: PromptsDeps) -> None:
    moved = asyncio.run(deps.move(MoveRequest(prompt="a", label="beta", to={"2": 10, "1": 90}), "ann"))
    assert (moved.before, moved.after, moved.actor) == ("", "1:90 2:10", "ann")


def test_thousands_of_prompts_are_listed_at_once(deps: PromptsDeps, tmp_path: Path) -> None:
    entry = read_library(tmp_path / "prompts").prompts["a"]
    many = {f"p{number}": msgspec.structs.replace(entry, meta=Meta(name=f"p{number}")) for number in range(8_000)}
    wrong = [Problem(file="x", line=3, reason="is wrong", prompt="p7")]
    place = LabelPlace(tmp_path / "labels.db", tmp_path / "labels.json")
    began = time.process_time()
    listed = prompts_deps(Live(Library(many, wrong)), place, lambda *_: None).listed()
    assert time.process_time() - began < 2
    assert {one.name: one.problems for one in listed if one.problems} == {"p7": ("x:3: is wrong",)}
    assert deps.listed()[0].problems == ()
