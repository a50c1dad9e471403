"""A draft becomes a version: once, whole, and with a line that says what it is."""

import os
import stat
import threading
from pathlib import Path

import pytest
from shelves import BODY, Shelf, said

from gateway.core.faults import BadRequest, Conflict
from gateway.prompts import publishing
from gateway.prompts.publishing import publish
from gateway.prompts.refusing import UnknownPrompt
from gateway.stores.documents import DocumentError


def test_a_draft_becomes_the_next_version(shelf: Shelf) -> None:
    first = shelf.publish("support/triage", "one", by="ann")
    assert (first.name, first.version, first.lock.by, first.lock.at) == (
        "support/triage",
        1,
        "ann",
        "2026-11-18T11:06:40Z",
    )
    second = shelf.publish("support/triage", "two", by='bob "the builder"')
    folder = shelf.root / "support/triage"
    assert sorted(path.name for path in folder.iterdir()) == ["1.prompt", "2.prompt", "versions.yaml"]
    library = shelf.read()
    assert library.problems == []
    entry = library.entry("support/triage")
    assert entry.lock == {1: first.lock, 2: second.lock}
    assert entry.lock[2].message == "says two"
    assert [said(library, "support/triage", wanted) for wanted in ("1", "2")] == ["one", "two"]


@pytest.mark.parametrize("each", ["\x00", "\n", "\x7f", "\x85", "\x9f", "\u2028", "\ufeff", "\uffff", "😀", '"', ": #"])
def test_a_lock_holds_whatever_name_somebody_has(shelf: Shelf, each: str) -> None:
    """One that cannot be read would take all versions of the prompt with it."""
    name = f"a{each}b" if each not in '\x00"' else "ab"
    shelf.write(f"_{name}.prompt", "!")
    shelf.draft("a", f"one{{{{> [{name}]}}}}")
    made = publish(shelf.root, "a", by=f"a{each}b", message="", clock=shelf.clock)
    library = shelf.read()
    assert (shelf.problems(library), library.prompts["a"].lock) == ([], {1: made.lock})
    assert said(library, "a", "1") == "one!"


def test_what_stood_in_the_lock_stays_as_it_was(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    lock = shelf.root / "a/versions.yaml"
    lock.write_text("# mine\n" + lock.read_text().rstrip("\n"))  # an editor that leaves the last line without an end
    before = lock.read_text()
    shelf.publish("a", "two")
    assert lock.read_text().startswith(before + "\n2: {")
    assert shelf.read().problems == []


def test_a_new_lock_names_its_schema_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / publishing.SCHEMA).write_text("{}")
    shelf = Shelf(tmp_path / "prompts")
    shelf.publish("a/b", "one")
    first = (shelf.root / "a/b/versions.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema=../../../schemas/{publishing.SCHEMA}"


def test_a_file_with_the_next_number_is_published_as_it_stands(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    shelf.write("a/2.prompt", BODY.format(text="two"))
    shelf.draft("a", "three")
    made = publish(shelf.root, "a", by="ann", message="", clock=shelf.clock)
    assert made.version == 2
    assert (shelf.root / "a/draft.prompt").exists()
    assert said(shelf.read(), "a", "2") == "two"


def test_a_version_half_published_is_finished(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed between the file and its line has published nothing, and publishing again does."""
    shelf.publish("a", "one")
    shelf.draft("a", "two")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_append", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(shelf.root, "a", by="ann", message="", clock=shelf.clock)
    assert shelf.read().entry("a").newest == 1
    assert publish(shelf.root, "a", by="ann", message="", clock=shelf.clock).version == 2
    assert said(shelf.read(), "a", "2") == "two"
    with pytest.raises(Conflict, match="is the same as version 2"):
        publish(shelf.root, "a", by="ann", message="", clock=shelf.clock)


def test_a_prompt_is_published_by_its_alias_too(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    shelf.meta("a", "aliases: [pmpt_1]\n")
    shelf.draft("a", "two")
    made = publish(shelf.root, "pmpt_1", by="ann", message="", clock=shelf.clock)
    assert (made.name, made.version) == ("a", 2)


def test_the_same_is_not_published_twice(shelf: Shelf) -> None:
    shelf.publish("a", "one", "two")
    shelf.write("a/draft.prompt", "# only a comment\n" + BODY.format(text="one"))
    with pytest.raises(Conflict, match="is the same as version 1"):
        publish(shelf.root, "a", by="ann", message="", clock=shelf.clock)
    assert (shelf.root / "a/draft.prompt").exists()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("{{#if x}}", 1, "is not closed"),
        ("---\nmodel: 1\n---\nx", 2, "expected a text"),
        ("{{>nowhere}}", 1, "nowhere"),
        ("---\nname: another\n---\nx", 2, "its front matter calls it `another`, and its folder `a`"),
    ],
)
def test_what_is_wrong_is_not_published(shelf: Shelf, text: str, line: int, says: str) -> None:
    path = shelf.write("a/draft.prompt", text)
    with pytest.raises(DocumentError) as found:
        publish(shelf.root, "a", by="ann", message="", clock=shelf.clock)
    assert (found.value.file, found.value.line) == (str(path), line)
    assert says in found.value.reason
    assert sorted(one.name for one in (shelf.root / "a").iterdir()) == ["draft.prompt"]


def test_a_lock_that_is_wrong_is_not_added_to(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    (shelf.root / "a/1.prompt").unlink()
    shelf.draft("a", "two")
    with pytest.raises(DocumentError, match=r"1\.prompt is not there"):
        publish(shelf.root, "a", by="ann", message="", clock=shelf.clock)
    shelf.write("a/versions.yaml", "1: {\n")
    with pytest.raises(DocumentError, match="not valid YAML"):
        publish(shelf.root, "a", by="ann", message="", clock=shelf.clock)


def test_who_has_nothing_to_publish_is_told(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    with pytest.raises(Conflict, match=r"there is nothing to publish: write .*a/draft\.prompt"):
        publish(shelf.root, "a", by="ann", message="", clock=shelf.clock)
    with pytest.raises(UnknownPrompt):
        publish(shelf.root, "b", by="ann", message="", clock=shelf.clock)
    shelf.draft("a", "two")
    for message in ("x" * 501, "two\nlines"):
        with pytest.raises(BadRequest):
            publish(shelf.root, "a", by="ann", message=message, clock=shelf.clock)


def test_many_at_once_publish_one_after_another(shelf: Shelf) -> None:
    shelf.publish("a", "0")
    done: list[int] = []
    refused: list[Exception] = []

    def work() -> None:
        try:
            done.append(publish(shelf.root, "a", by="ann", message="", clock=shelf.clock).version)
        except Conflict as error:
            refused.append(error)

    shelf.draft("a", "1")
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (done, len(refused)) == ([2], 7)
    assert shelf.read().problems == []


def test_files_keep_their_permissions(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    lock = shelf.root / "a/versions.yaml"
    lock.chmod(0o664)
    shelf.publish("a", "two")
    assert stat.S_IMODE(lock.stat().st_mode) == 0o664
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((shelf.root / "a/2.prompt").stat().st_mode) == 0o666 & ~mask
