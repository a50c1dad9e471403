"""Prompts that somebody must vouch for. The keys and signatures are real."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from shelves import Shelf, said

from gateway.access.signing import new_key, sign
from gateway.prompting import vouching
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.vouching import BUNDLE, names_to_sign

PRIVATE, PUBLIC = new_key()
OTHER, _ = new_key()
VOUCH = vouching([PUBLIC])


class Signed:
    """Two prompts and a partial, all of them signed."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        shelf.write("_style.prompt", "Be brief.")
        shelf.publish("a", "one {{>style}}")
        shelf.meta("a", "teams: [team-a]\nlabels: {production: 1}\n")
        shelf.publish("deep/b", "two")
        shelf.write("a/cases.yaml", "tests: []\n")
        self.sign()

    def sign(self, key: bytes = PRIVATE) -> None:
        root = self.shelf.root
        (root / BUNDLE).write_bytes(sign(root, key, names_to_sign(root)))

    def read(self, before: Library | None = None) -> Library:
        return read_library(self.shelf.root, before, vouch=VOUCH)


@pytest.fixture
def signed(shelf: Shelf) -> Signed:
    return Signed(shelf)


def test_what_was_signed_is_served(signed: Signed) -> None:
    library = signed.read()
    assert signed.shelf.problems(library) == []
    assert said(library, "a", "1") == "one Be brief."
    names = [
        "_style.prompt",
        "a/1.prompt",
        "a/prompt.yaml",
        "a/versions.yaml",
        "deep/b/1.prompt",
        "deep/b/versions.yaml",
    ]
    assert names_to_sign(signed.shelf.root) == names


def test_drafts_and_cases_need_nobody(signed: Signed) -> None:
    signed.shelf.draft("a", "not yet")
    signed.shelf.write("a/cases.yaml", "tests: [{vars: {}}]\n")
    library = signed.read()
    assert signed.shelf.problems(library) == []
    assert said(library, "a", "draft") == "not yet"


@pytest.mark.parametrize(
    ("file", "act", "why"),
    [
        ("a/prompt.yaml", lambda path: path.write_text("labels: {production: 1}\n"), "is not the file that was signed"),
        ("a/prompt.yaml", lambda path: path.unlink(), "was signed in bundle.sig, and is not there"),
        ("_style.prompt", lambda path: path.write_text("Tell all."), "is not the file that was signed"),
        ("a/_style.prompt", lambda path: path.write_text("Tell all."), "is not among the files"),
        ("a/versions.yaml", lambda path: path.write_text(path.read_text() + "\n"), "is not the file that was signed"),
    ],
)
def test_what_nobody_vouches_for_changes_nothing(
    signed: Signed, file: str, act: Callable[[Path], object], why: str
) -> None:
    before = signed.read()
    act(signed.shelf.root / file)
    after = signed.read(before)
    told = [one[2] for one in signed.shelf.problems(after) if one[0] == file]
    assert any(why in one and "gateway policy sign" in one for one in told), after.problems
    assert said(after, "a", "1") == "one Be brief."
    assert not after.entry("a").meta.open_to("acme", "team-b"), "nor is it anybody else's now"
    assert said(after, "deep/b", "1") == "two", "others are not harmed"
    fresh = signed.read()
    if "a" in fresh.prompts:
        assert "Tell all." not in _all_said(fresh)
        assert not fresh.entry("a").meta.open_to("acme", "team-b")
    signed.sign()
    told = str(signed.shelf.problems(signed.read(after)))
    assert BUNDLE not in told, "signed again, it takes force, though no other file changed"


def _all_said(library: Library) -> str:
    versions = library.entry("a").versions.values()
    return " ".join(said(library, "a", str(one.number)) for one in versions if one.verify() is None)


def test_a_version_takes_force_when_it_was_signed(signed: Signed) -> None:
    before = signed.read()
    signed.shelf.publish("deep/b", "three")
    unsigned = signed.read(before)
    assert said(unsigned, "deep/b", "latest") == "two"
    assert unsigned.problems
    signed.sign()
    assert said(signed.read(unsigned), "deep/b", "latest") == "three"


def test_a_folder_is_taken_away_by_who_signs_and_by_nobody_else(signed: Signed) -> None:
    before = signed.read()
    shutil.rmtree(signed.shelf.root / "deep")
    after = signed.read(before)
    assert said(after, "deep/b", "1") == "two"
    wrong = [(file, reason.split(";")[0]) for file, _, reason in signed.shelf.problems(after)]
    gone = f"was signed in {BUNDLE}, and is not there"
    assert wrong == [("deep/b/1.prompt", gone), ("deep/b/versions.yaml", gone)]
    assert not signed.read().prompts["deep/b"].versions, "what a process never saw it cannot serve"
    signed.sign()
    assert (list(signed.read(after).prompts), signed.read(after).problems) == (["a"], [])


@pytest.mark.parametrize("bundle", ["none", "other", "broken"])
def test_without_a_bundle_to_trust_all_stays_as_it_was(signed: Signed, bundle: str) -> None:
    before = signed.read()
    signed.shelf.publish("deep/b", "three")
    place = signed.shelf.root / BUNDLE
    if bundle == "none":
        place.unlink()
    elif bundle == "other":
        signed.sign(OTHER)
    else:
        place.write_text("{}")
    after = signed.read(before)
    assert [one[0] for one in signed.shelf.problems(after)] == [BUNDLE]
    assert said(after, "deep/b", "latest") == "two"
    assert all(entry.stands_in for entry in after.prompts.values()), "a worker that starts now begins with these"
    assert signed.read().prompts == {}
    assert said(read_library(signed.shelf.root, last_good=before.prompts, vouch=VOUCH), "a", "1") == "one Be brief."


def test_where_nobody_asks_nobody_vouches(signed: Signed) -> None:
    (signed.shelf.root / BUNDLE).unlink()
    assert said(read_library(signed.shelf.root), "a", "1") == "one Be brief."


def test_an_empty_folder_needs_no_bundle(tmp_path: Path) -> None:
    assert read_library(tmp_path / "none", vouch=VOUCH).problems == []
