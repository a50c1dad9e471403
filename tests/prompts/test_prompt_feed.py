"""What a process serves follows the files and the labels, in one step each, and survives what is broken."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from shelves import BODY, Shelf, said

from gateway.prompts import feed as feeding
from gateway.prompts.feed import SHARE, PromptFeed
from gateway.prompts.keeping import read_kept
from gateway.prompts.labels.moves import Change
from gateway.prompts.labels.opening import follow_labels, open_labels
from gateway.prompts.labels.options import LabelPlace
from gateway.prompts.library import Library
from gateway.prompts.positions import Position, position_of
from gateway.prompts.refusing import UnusablePrompt


class Stage:
    """A shelf, its labels, and what a feed has told of them."""

    def __init__(self, shelf: Shelf, folder: Path) -> None:
        self.shelf = shelf
        self.place = LabelPlace(folder / "prompts.db", folder / "prompts.snapshot")
        self.last_good = folder / "prompts.json"
        self.heard: list[Library] = []

    def feed(self) -> PromptFeed:
        return PromptFeed(self.shelf.root, follow_labels(self.place), self.heard.append, 0.02, self.last_good)

    def move(self, prompt: str, label: str, before: Position | None, after: Position | None) -> None:
        with open_labels(self.place) as store:
            store.move(Change(prompt=prompt, label=label, before=before, after=after, actor="ann"))


@pytest.fixture
def stage(shelf: Shelf, tmp_path: Path) -> Stage:
    shelf.publish("a", "one")
    shelf.meta("a", "labels: {production: 1}\n")
    return Stage(shelf, tmp_path)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


async def test_files_are_followed(stage: Stage) -> None:
    async with stage.feed() as feed:
        first = feed.library.value
        assert said(first, "a") == "one"
        stage.shelf.publish("a", "two")
        stage.shelf.meta("a", "labels: {production: 2}\n")
        await until(lambda: said(feed.library.value, "a") == "two")
        assert said(first, "a") == "one", "calls under way keep what they have"
        stage.shelf.publish("b", "new")
        await until(lambda: "b" in feed.library.value.prompts)
    assert stage.heard[0] is first
    assert stage.heard[-1] is feed.library.value


async def test_a_folder_that_comes_later_is_seen(tmp_path: Path) -> None:
    root = tmp_path / "prompts"
    place = LabelPlace(tmp_path / "p.db", tmp_path / "s")
    async with PromptFeed(root, follow_labels(place), lambda _: None, 0.02) as feed:
        assert feed.library.value.prompts == {}
        Shelf(root).publish("a", "one")
        await until(lambda: feed.library.value.prompts)


async def test_labels_are_followed(stage: Stage) -> None:
    stage.shelf.publish("a", "two")
    async with stage.feed() as feed:
        stage.move("a", "staging", None, position_of(1))
        await until(lambda: feed.library.value.labels)
        assert said(feed.library.value, "a", "staging") == "one"
        stage.move("a", "staging", position_of(1), position_of(2))
        await until(lambda: said(feed.library.value, "a", "staging") == "two")
        stage.shelf.publish("b", "new")
        await until(lambda: "b" in feed.library.value.prompts)
        assert said(feed.library.value, "a", "staging") == "two", "a reload of files keeps the labels"


async def test_labels_are_there_from_the_first_library_on(stage: Stage) -> None:
    stage.move("a", "staging", None, position_of(1))
    async with stage.feed() as feed:
        assert said(stage.heard[0], "a", "staging") == "one"
        assert feed.library.value is stage.heard[0]


async def test_what_breaks_stays_as_it_was_and_is_told_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.prompts")
    stage.shelf.publish("b", "fine")
    async with stage.feed() as feed:
        stage.shelf.write("a/1.prompt", "{{#if x}}")
        await until(lambda: feed.library.value.problems)
        stage.shelf.publish("b", "fine too")
        await until(lambda: feed.library.value.prompts["b"].newest == 2)
        assert (said(feed.library.value, "a"), said(feed.library.value, "b", "2")) == ("one", "fine too")
    told = [record.getMessage() for record in caplog.records if "1.prompt" in record.getMessage()]
    assert len(told) == 1
    assert "1.prompt:1: column 1:" in told[0]
    assert "until then this process serves what was published" in told[0]


async def test_what_is_mended_is_told(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    good = (stage.shelf.root / "a/1.prompt").read_text()
    async with stage.feed() as feed:
        stage.shelf.write("a/1.prompt", "{{#if x}}")
        await until(lambda: feed.library.value.problems)
        stage.shelf.write("a/1.prompt", good)
        await until(lambda: not feed.library.value.problems)
    assert caplog.messages[-1] == "prompts: nothing is wrong any more"


async def test_a_process_that_is_started_while_something_is_broken_has_it_as_it_was(stage: Stage) -> None:
    stage.shelf.write("_style.prompt", "brief")
    stage.shelf.publish("styled", "{{>style}}")
    async with stage.feed() as first:
        stage.shelf.write("a/1.prompt", "{{#if x}}")
        stage.shelf.meta("a", "labels: [\n")
        stage.shelf.write("_style.prompt", "verbose")
        await until(lambda: set(read_kept(stage.last_good)) == {"a", "styled"})
        assert said(first.library.value, "styled", "1") == "brief"
    async with stage.feed() as second:
        assert said(second.library.value, "a") == "one"
        assert said(second.library.value, "styled", "1") == "brief"
        assert len(second.library.value.problems) == 3
        stage.shelf.meta("a", "labels: {production: 1}\n")
        stage.shelf.write("a/1.prompt", BODY.format(text="one"))
        stage.shelf.write("_style.prompt", "brief")
        await until(lambda: not second.library.value.problems)
        await until(lambda: not stage.last_good.exists())
        assert said(second.library.value, "a") == "one"


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a": {}}', b'{"a": {"file": "f", "data": "bGFiZWxzOiBb", "versions": {}}}']
)
async def test_what_was_kept_and_is_spoilt_is_nothing(stage: Stage, text: bytes) -> None:
    stage.last_good.write_bytes(text)
    async with stage.feed() as feed:
        assert said(feed.library.value, "a") == "one"


async def test_a_lock_that_lies_is_found_in_the_background(stage: Stage) -> None:
    stage.shelf.publish("a", "two", "three")
    lock = stage.shelf.root / "a/versions.yaml"
    digests = [one.digest for one in stage.shelf.read().entry("a").versions.values()]
    lock.write_text(lock.read_text().replace(digests[1], "sha256:" + "0" * 64, 1))
    async with stage.feed() as feed:
        await until(lambda: feed.library.value.problems)
        assert not feed.library.value.unverified() or len(stage.heard) > 1
        await until(lambda: len(stage.heard) > 1)
        with pytest.raises(UnusablePrompt):
            feed.library.value.resolve("a", "2")
        assert said(feed.library.value, "a", "3") == "three"


async def test_everything_is_compiled_in_the_background(stage: Stage) -> None:
    stage.shelf.publish("a", *map(str, range(20)))
    async with stage.feed() as feed:
        await until(lambda: not feed.library.value.unverified())


async def test_a_bug_ends_no_watch(stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    monkeypatch.setattr(feeding, "RETRY_S", 0.02)
    async with stage.feed() as feed:
        real = feeding.read_library

        def broken(*_: object, **__: object) -> Library:
            raise RuntimeError("a bug")

        monkeypatch.setattr(feeding, "read_library", broken)
        stage.shelf.publish("b", "new")
        await until(lambda: "prompts were not reloaded" in caplog.text)
        assert said(feed.library.value, "a") == "one"
        monkeypatch.setattr(feeding, "read_library", real)
        await until(lambda: "b" in feed.library.value.prompts)


async def test_looking_takes_a_small_share_of_a_core(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    real = feeding._timed_look
    monkeypatch.setattr(feeding, "_timed_look", lambda folder: (real(folder)[0], 0.045))
    async with stage.feed() as feed:
        assert feed.poll_s == pytest.approx(0.045 / SHARE) == pytest.approx(3)


async def test_it_ends_while_it_reads(stage: Stage) -> None:
    for _ in range(5):
        async with stage.feed():
            stage.shelf.publish("b", f"text {_}")
    assert stage.shelf.read().problems == []
