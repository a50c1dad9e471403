"""Prompts out of a folder: what is wrong with one harms no other, and what was published stays what it was."""

import os
import re
from pathlib import Path

import pytest
from shelves import BODY, Shelf, said

from gateway.prompts.library import Library, visible_to
from gateway.prompts.loading import MAX_BYTES, read_library
from gateway.prompts.refusing import UnknownPrompt, UnknownVersion, UnusablePrompt
from gateway.prompts.scanning import MAX_DEPTH, Seen, look


def test_a_folder_that_is_not_there_has_no_prompts(tmp_path: Path) -> None:
    library = Shelf(tmp_path / "prompts").read()
    assert (library.prompts, library.problems) == ({}, [])
    (tmp_path / "prompts").rmdir()
    assert Shelf(tmp_path / "prompts").read().prompts == {}


def test_names_are_folders(shelf: Shelf) -> None:
    for name in ("a", "a/b", "a/b/c d"):
        shelf.publish(name, f"this is {name}")
    library = shelf.read()
    assert [said(library, name, "1") for name in ("a", "a/b", "a/b/c d")] == [
        "this is a",
        "this is a/b",
        "this is a/b/c d",
    ]


def test_what_prompt_yaml_says(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    shelf.meta("a", "owner: me\ndescription: d\ntags: [x, y]\naliases: [pmpt_1]\nlabels: {production: 1}\n")
    meta = shelf.read().entry("pmpt_1").meta
    assert (meta.name, meta.owner, meta.description, meta.tags) == ("a", "me", "d", ("x", "y"))


WRONG = {
    "prompt.yaml, an unknown key": ("prompt.yaml", "ownr: me\n", 1, "unknown key `ownr`; did you mean `owner`?"),
    "prompt.yaml, no YAML": ("prompt.yaml", "a: [\n", 2, "is not valid YAML"),
    "prompt.yaml, nobody": ("prompt.yaml", "owner: me\ntenants: []\n", 2, "leaves nobody"),
    "prompt.yaml, no label": ("prompt.yaml", "labels:\n  latest: 1\n", 2, "`latest` is no label"),
    "prompt.yaml, a weight": ("prompt.yaml", "labels:\n  a: {1: 0, 2: 5}\n", 2, "the weight of version 1 is 0"),
    "prompt.yaml, a label on nothing": ("prompt.yaml", "labels:\n  ok: 1\n  no: 7\n", 3, "stands on version 7, which is not"),
    "prompt.yaml, a gate without tests": (
        "prompt.yaml", "gates:\n  production: {suite: cases.yaml}\n", 2, "cases.yaml, which is not there",
    ),
    "prompt.yaml, a gate elsewhere": ("prompt.yaml", "gates:\n  p: {suite: ../x.yaml}\n", 2, "a .yaml file beside"),
    "prompt.yaml, an alias": ("prompt.yaml", "aliases:\n  - ok\n  - a|b\n", 3, "cannot be part of a prompt's name"),
    "versions.yaml, a key": ("versions.yaml", "1: {digst: x}\n", 1, "digest"),
    "versions.yaml, a digest": ("versions.yaml", "1: {digest: abc, at: 2026-01-01}\n", 1, "is not a digest: `sha256:`"),
    "versions.yaml, a number": ("versions.yaml", "one: {}\n", 1, "is not the number of a version"),
    "draft.prompt, front matter": ("draft.prompt", "---\nmodel: [\n---\nx", 3, "is not valid YAML"),
    "draft.prompt, a template": ("draft.prompt", "---\nmodel: m\n---\nline\n{{#if x}}", 5, "is not closed"),
    "draft.prompt, a setting": ("draft.prompt", "---\nmodel: m\nconfig: {topK: 0}\n---\nx", 3, "config.topK is a whole"),
    "a version of another name": ("01.prompt", "x", 0, "versions are called 1.prompt, 2.prompt"),
    "a file of another name": ("prompt.yml", "x", 0, "is not read; did you mean `prompt.yaml`?"),
    "a version without a line": ("2.prompt", "x", 0, "version 2 is not published: `gateway prompts publish bad` does that"),
    "a broken version without a line": ("2.prompt", "{{#if x}}", 1, "is not closed"),
    "a version that is no text": ("draft.prompt", b"a\n\xff", 2, "is not UTF-8"),
    "a version that is too long": ("draft.prompt", b" " * (MAX_BYTES + 1), 0, "is larger than"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_by_file_and_line_and_harms_no_other_prompt(shelf: Shelf, name: str) -> None:
    file, text, line, says = WRONG[name]
    shelf.publish("good", "I am fine")
    shelf.publish("bad", "so was I")
    good = shelf.read()
    (shelf.root / "bad" / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    for before in (None, good):
        library = shelf.read(before)
        for version in library.unverified():
            version.verify()
        found = shelf.problems(library)
        assert any(one[:2] == (f"bad/{file}", line) and says in one[2] for one in found), found
        assert said(library, "good", "1") == "I am fine"
        if before is not None:
            assert said(library, "bad", "1") == "so was I"


def test_a_broken_prompt_yaml_opens_nothing_to_nobody(shelf: Shelf) -> None:
    shelf.publish("a", "secret")
    shelf.meta("a", "tenants: [acme]\nlabels: {production: 1}\n")
    good = shelf.read()
    shelf.meta("a", "tenants: [acme\n")
    with pytest.raises(UnknownPrompt):
        shelf.read().resolve("a", "1")
    kept = shelf.read(good)
    assert not kept.entry("a").meta.open_to("other", "x")
    assert kept.resolve("a").version == 1


def break_version(shelf: Shelf) -> None:
    shelf.write("a/1.prompt", BODY.format(text="tampered"))


def break_syntax(shelf: Shelf) -> None:
    shelf.write("a/1.prompt", "{{#if x}}")


def drop_version(shelf: Shelf) -> None:
    (shelf.root / "a" / "1.prompt").unlink()


def hide_version(shelf: Shelf) -> None:
    (shelf.root / "a" / "1.prompt").unlink()
    (shelf.root / "a" / "1.prompt").mkdir()


def drop_line(shelf: Shelf) -> None:
    lock = shelf.root / "a" / "versions.yaml"
    lock.write_text("".join(line for line in lock.read_text().splitlines(True) if not line.startswith("1:")))


def change_line(shelf: Shelf) -> None:
    lock = shelf.root / "a" / "versions.yaml"
    lock.write_text(
        re.sub(
            r"^1: {digest: sha256:[0-9a-f]{64}", f"1: {{digest: sha256:{'0' * 64}", lock.read_text(), flags=re.MULTILINE
        )
    )


def drop_lock(shelf: Shelf) -> None:
    (shelf.root / "a" / "versions.yaml").unlink()


def break_lock(shelf: Shelf) -> None:
    with (shelf.root / "a" / "versions.yaml").open("a") as lock:
        lock.write("1: {}\n")


DAMAGE = {
    "its file is another": (break_version, "restore the file, or publish a new version", True),
    "its file is no prompt": (break_syntax, "is not closed", True),
    "its file is gone": (drop_version, "1.prompt is not there; restore it", True),
    "its file is a folder": (hide_version, "cannot be read: it is no regular file", True),
    "its line is gone": (drop_line, "the line of version 1 is gone; restore it", False),
    "its line is another": (change_line, "restore", True),
    "the lock is gone": (drop_lock, "the line of version 1 is gone; restore it", False),
    "the lock is broken": (break_lock, "has the key `1` twice", False),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_was_published_stays_as_it_was(shelf: Shelf, name: str) -> None:
    damage, says, still_known = DAMAGE[name]
    shelf.publish("a", "one", "two")
    good = shelf.read()
    damage(shelf)
    kept = shelf.read(good)
    assert any(says in reason for _, _, reason in shelf.problems(kept)), shelf.problems(kept)
    assert (said(kept, "a", "1"), said(kept, "a", "2")) == ("one", "two")
    assert kept.entry("a").stands_in
    anew = shelf.read()
    with pytest.raises(UnusablePrompt if still_known else UnknownVersion):
        anew.resolve("a", "1").prompt.render({})
    assert anew.problems or name == "its line is another"


def test_a_version_that_is_restored_is_in_force_again(shelf: Shelf) -> None:
    shelf.publish("a", "one", "two")
    text = (shelf.root / "a" / "1.prompt").read_text()
    break_version(shelf)
    broken = shelf.read()
    with pytest.raises(UnusablePrompt):
        broken.resolve("a", "1")
    assert said(broken, "a", "2") == "two"
    shelf.write("a/1.prompt", text)
    mended = shelf.read(broken)
    assert said(mended, "a", "1") == "one"
    assert mended.problems == []
    assert not mended.entry("a").stands_in


def test_a_version_that_says_the_same_in_other_words_is_the_same(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    path = shelf.root / "a" / "1.prompt"
    path.write_text(path.read_text().replace("model: m", "model: m   # the small one"))
    library = shelf.read()
    assert (library.problems, said(library, "a", "1")) == ([], "one")


def test_a_line_without_hashes_of_bytes_is_as_good(shelf: Shelf) -> None:
    made = shelf.publish("a", "one")
    shelf.write("a/versions.yaml", f"1: {{digest: {made.digest}, at: 2026-01-01}}\n")
    library = shelf.read()
    assert (library.problems, said(library, "a", "1")) == ([], "one")
    assert not library.unverified()


def test_a_lock_that_lies_is_found_out_before_anything_is_served(shelf: Shelf) -> None:
    """Its hashes are the file's, and its digest is not: nothing is compiled to load it, and all the same."""
    shelf.publish("a", "one", "two")
    change_line(shelf)
    library = shelf.read()
    assert library.problems == []
    with pytest.raises(UnusablePrompt):
        library.resolve("a", "1")
    assert [(one.prompt, one.version) for one in library.problems] == [("a", 1)]
    assert said(library, "a", "2") == "two"


@pytest.mark.parametrize(
    ("order", "line", "says"),
    [
        ([2, 1, 3], 3, "version 1 stands behind version 2; lines are only appended"),
        ([1, 3], 3, "version 2 is missing before version 3; no line is ever taken out"),
        ([3], 2, "versions 1 to 2 are missing before version 3; no line is ever taken out"),
    ],
)
def test_lines_that_are_moved_or_taken_out_are_told(shelf: Shelf, order: list[int], line: int, says: str) -> None:
    shelf.publish("a", "one", "two", "three")
    lock = shelf.root / "a" / "versions.yaml"
    lines = [line for line in lock.read_text().splitlines(True) if line[0].isdigit()]
    lock.write_text("# the lock\n" + "".join(lines[number - 1] for number in order))
    library = shelf.read()
    assert [one[1:] for one in shelf.problems(library) if one[0] == "a/versions.yaml"] == [(line, says)]
    assert said(library, "a", "3") == "three"


def test_a_label_that_is_moved_to_what_is_not_published_stays(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    shelf.meta("a", "owner: me\nlabels: {production: 1}\n")
    good = shelf.read()
    shelf.meta("a", "owner: you\nlabels: {production: 2}\n")
    kept = shelf.read(good)
    assert said(kept, "a") == "one"
    assert "version 2, which is not published; published: 1" in str(kept.problems[0])
    with pytest.raises(UnusablePrompt):
        shelf.read().resolve("a")
    shelf.publish("a", "two")
    mended = shelf.read(kept)
    assert (said(mended, "a"), mended.problems) == ("two", [])


class TestPartials:
    def test_the_nearest_counts(self, shelf: Shelf) -> None:
        shelf.write("_style.prompt", "far")
        shelf.write("a/_style.prompt", "near")
        shelf.publish("a/b", "{{>style}}")
        shelf.publish("c", "{{>style}}")
        library = shelf.read()
        assert (said(library, "a/b", "1"), said(library, "c", "1")) == ("near", "far")

    def test_one_that_changes_is_refused_to_those_that_need_it_alone(self, shelf: Shelf) -> None:
        shelf.write("_style.prompt", "Be brief.")
        shelf.publish("a", "{{>style}}", "on my own")
        good = shelf.read()
        shelf.write("_style.prompt", "Be verbose.")
        library = shelf.read()
        with pytest.raises(UnusablePrompt):
            library.resolve("a", "1")
        assert said(library, "a", "2") == "on my own"
        (problem,) = library.problems
        assert "its partial `style` is not what it was" in problem.reason
        kept = shelf.read(good)
        assert said(kept, "a", "1") == "Be brief."
        assert kept.prompts["a"].versions[2] is good.prompts["a"].versions[2]

    def test_a_nearer_one_that_comes_is_a_change_too(self, shelf: Shelf) -> None:
        shelf.write("_style.prompt", "far")
        shelf.publish("a", "{{>style}}")
        shelf.write("a/_style.prompt", "near")
        with pytest.raises(UnusablePrompt):
            shelf.read().resolve("a", "1")

    def test_one_that_is_no_text_is_told_once(self, shelf: Shelf) -> None:
        shelf.write("_style.prompt", "fine")
        shelf.publish("a", "{{>style}}")
        (shelf.root / "_style.prompt").write_bytes(b"\xff")
        files = [file for file, _, _ in shelf.problems(shelf.read())]
        assert files.count("_style.prompt") == 1


class TestIncremental:
    def test_what_has_not_changed_is_not_read_again(self, shelf: Shelf) -> None:
        shelf.publish("a", "one")
        shelf.publish("b", "one")
        first = shelf.read()
        shelf.publish("b", "two")
        second = shelf.read(first)
        assert second.prompts["a"] is first.prompts["a"]
        assert second.prompts["b"].versions[1] is first.prompts["b"].versions[1]
        assert said(second, "b", "2") == "two"
        assert shelf.read(second).prompts["b"] is second.prompts["b"]

    def test_calls_under_way_keep_what_they_have(self, shelf: Shelf) -> None:
        shelf.publish("a", "one")
        shelf.meta("a", "labels: {production: 1}\n")
        first = shelf.read()
        shelf.publish("a", "two")
        shelf.meta("a", "labels: {production: 2}\n")
        second = shelf.read(first)
        assert (said(first, "a"), said(second, "a")) == ("one", "two")

    def test_a_folder_that_is_taken_out_is_gone(self, shelf: Shelf) -> None:
        shelf.publish("a", "one")
        first = shelf.read()
        (shelf.root / "a").rename(shelf.root / "b")
        second = shelf.read(first)
        assert set(second.prompts) == {"b"}
        assert second.problems == []

    def test_a_folder_that_cannot_be_looked_into_is_not_gone(self, shelf: Shelf) -> None:
        for name in ("a", "a/b", "c"):
            shelf.publish(name, f"I am {name}")
        first = shelf.read()
        seen = look(shelf.root)
        left = {path: files for path, files in seen.folders.items() if not path.startswith("a")}
        second = read_library(shelf.root, first, seen=Seen(left, {"a": "Permission denied"}))
        assert [said(second, name, "1") for name in ("a", "a/b", "c")] == ["I am a", "I am a/b", "I am c"]
        assert [one.reason for one in second.problems] == ["cannot be read: Permission denied"]
        third = shelf.read(second)
        assert (set(third.prompts), third.problems) == ({"a", "a/b", "c"}, [])

    def test_a_draft_is_what_it_is_now(self, shelf: Shelf) -> None:
        shelf.draft("a", "first")
        first = shelf.read()
        assert said(first, "a", "draft") == "first"
        shelf.draft("a", "second")
        second = shelf.read(first)
        assert said(second, "a", "draft") == "second"
        digests = [one.resolve("a", "draft", drafts=True).digest for one in (first, second)]
        assert len(set(digests)) == 2


def test_an_alias_that_is_taken_stays_what_it_was(shelf: Shelf) -> None:
    for name in ("a", "b", "c"):
        shelf.publish(name, name)
    shelf.meta("a", "aliases: [pmpt_1]\n")
    shelf.meta("b", "aliases: [pmpt_1, c]\n")
    library = shelf.read()
    assert (said(library, "pmpt_1", "1"), said(library, "c", "1")) == ("a", "c")
    reasons = [reason for _, _, reason in shelf.problems(library)]
    assert reasons == [
        "the alias `c` is the prompt `c`, and stays that",
        "the alias `pmpt_1` is the prompt `a`, and stays that",
    ]


def test_a_prompt_that_is_a_file_is_told_where_it_belongs(shelf: Shelf) -> None:
    shelf.write("summary.prompt", "x")
    (found,) = shelf.problems(shelf.read())
    assert found == ("summary.prompt", 0, "is not read: a prompt is a folder; move it to summary/draft.prompt")


def test_a_folder_whose_name_is_none_is_told(shelf: Shelf) -> None:
    shelf.write("a@b/draft.prompt", "x")
    library = shelf.read()
    assert library.prompts == {}
    assert "cannot be part of a prompt's name" in library.problems[0].reason


def test_hidden_files_and_links_to_folders_are_not_read(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    shelf.write("a/.5.prompt.swp", "x")
    shelf.write(".git/x/draft.prompt", "x")
    (shelf.root / "a" / "loop").symlink_to(shelf.root)
    library = shelf.read()
    assert (set(library.prompts), library.problems) == ({"a"}, [])


def test_folders_are_not_followed_without_end(shelf: Shelf) -> None:
    deep = "/".join(["d"] * (MAX_DEPTH + 2))
    shelf.write(f"{deep}/draft.prompt", "x")
    library = shelf.read()
    assert library.prompts == {}
    assert "deeper than" in library.problems[0].reason


def test_a_thousand_versions_are_not_compiled_to_be_loaded(shelf: Shelf) -> None:
    shelf.publish("a", *map(str, range(20)))
    library = shelf.read()
    assert len(library.unverified()) == 20
    assert library.unverified()[0].number == 20, "the newest first"
    labelled: Library = library.with_labels({})
    assert said(labelled, "a", "7") == "6"
    assert len(labelled.unverified()) == 19


def test_a_prompt_for_some_is_not_for_all_while_its_prompt_yaml_is_gone(shelf: Shelf) -> None:
    shelf.publish("a", "one")
    shelf.meta("a", "tenants: [acme]\nlabels: {production: 1}\n")
    before = shelf.read()
    (shelf.root / "a/prompt.yaml").unlink()
    gone = shelf.read(before)
    assert [(file, reason[:7]) for file, _, reason in shelf.problems(gone)] == [("a/prompt.yaml", "is gone")]
    assert gone.prompts["a"].stands_in
    assert said(gone, "a") == "one"
    with pytest.raises(UnknownPrompt):
        gone.resolve("a", visible=visible_to("globex", ""))
    shelf.meta("a", "default_for: [{teams: ['*']}]\n")
    held = shelf.read(gone)
    (shelf.root / "a/prompt.yaml").unlink()
    assert list(shelf.read(held).defaults_of("globex", "", {})) == ["a"]
    shelf.meta("a", "owner: me\n")
    opened = shelf.read(gone)
    assert (opened.problems, opened.resolve("a", "1", visible=visible_to("globex", "")).version) == ([], 1)
    (shelf.root / "a/prompt.yaml").unlink()
    assert shelf.read(opened).problems == []


def test_a_partial_that_comes_later_changes_no_version_that_did_without(shelf: Shelf) -> None:
    shelf.publish("demo/a", "{{#> later}}as before{{/later}}")
    shelf.write("_later.prompt", "otherwise")
    library = shelf.read()
    assert (said(library, "demo/a", "1"), library.problems) == ("as before", [])
    shelf.publish("demo/a", "{{#> later}}as before{{/later}}!")
    library = shelf.read()
    assert (said(library, "demo/a", "1"), said(library, "demo/a", "2")) == ("as before", "otherwise!")


def test_a_file_is_read_again_though_neither_its_size_nor_its_time_says_so(shelf: Shelf) -> None:
    """As after a `chmod` that lets it be read, or by a tool that keeps the time of what it copies."""
    shelf.publish("demo/a", "one")
    file = shelf.root / "demo/a/1.prompt"
    good, seen = file.read_bytes(), file.stat()

    def put(data: bytes) -> None:
        with file.open("r+b") as same:
            same.write(data)
        os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    put(good.replace(b"one", b"two"))
    broken = shelf.read()
    assert "it is not what was published" in shelf.problems(broken)[0][2]
    put(good)
    mended = shelf.read(broken)
    assert (shelf.problems(mended), said(mended, "demo/a", "1")) == ([], "one")
    before = look(shelf.root)
    file.chmod(0o600)
    assert look(shelf.root) != before
