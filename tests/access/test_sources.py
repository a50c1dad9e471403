"""Which commit the policies come from, as git itself says it, without running git."""

import os
import pwd
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.sources import owner_of, sources


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "access.yaml").write_text("rules: []\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_branch_a_tag_and_a_detached_head(checkout: Path) -> None:
    first = git(checkout, "rev-parse", "HEAD")
    assert sources(checkout) == sources(checkout / "policies") == first
    git(checkout, "commit", "-qm", "second", "--allow-empty")
    assert sources(checkout) == git(checkout, "rev-parse", "HEAD") != first
    git(checkout, "checkout", "-q", "--detach", first)
    assert sources(checkout) == first
    git(checkout, "checkout", "-qb", "team/branch-ä")
    assert sources(checkout) == first


def test_packed_refs(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    git(checkout, "tag", "-am", "annotated", "v1")
    git(checkout, "pack-refs", "--all")
    assert not (checkout / ".git" / "refs" / "heads" / "main").exists()
    assert sources(checkout) == commit
    git(checkout, "commit", "-qm", "second", "--allow-empty")
    assert sources(checkout) == git(checkout, "rev-parse", "HEAD") != commit


def test_worktrees_and_submodules(checkout: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    git(checkout, "worktree", "add", "-qb", "other", str(tree))
    git(tree, "commit", "-qm", "on the other", "--allow-empty")
    assert sources(tree / "policies") == git(tree, "rev-parse", "HEAD") != git(checkout, "rev-parse", "HEAD")
    git(checkout, "pack-refs", "--all")
    assert sources(tree) == git(tree, "rev-parse", "HEAD")
    parent = tmp_path / "parent"
    parent.mkdir()
    git(parent, "init", "-q")
    git(parent, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(checkout), "policies")
    assert sources(parent / "policies") == git(checkout, "rev-parse", "HEAD")


def test_a_repository_of_long_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    git(tmp_path, "commit", "-qm", "first", "--allow-empty")
    assert sources(tmp_path) == git(tmp_path, "rev-parse", "HEAD")
    assert len(sources(tmp_path)) == 64


def test_where_there_is_no_commit_the_source_is_empty(tmp_path: Path) -> None:
    assert sources(tmp_path) == sources(tmp_path / "absent") == sources(Path("\0")) == ""
    git(tmp_path, "init", "-q")
    assert sources(tmp_path) == "", "a branch without a commit"


@pytest.mark.parametrize(
    "head",
    [
        b"", b"ref:", b"ref: refs/heads/../../../outside", b"ref: /outside", b"ref: HEAD", b"ref: refs/heads/loop",
        b"\xff\xfe", b"abc", b"0" * 39, b"0" * 40 + b"x", b"ref: refs/heads/folder", b"0" * 100_000_000,
    ],
    ids=range(12),
)  # fmt: skip
def test_an_odd_head_is_no_source(head: bytes, tmp_path: Path) -> None:
    (tmp_path / ".git" / "refs" / "heads" / "folder").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_bytes(head)
    (tmp_path / ".git" / "refs" / "heads" / "loop").write_bytes(b"ref: refs/heads/loop")
    (tmp_path / "outside").write_text("a" * 40)
    assert sources(tmp_path) == ""


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    assert sources(tmp_path) == ""
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    began = time.monotonic()
    assert sources(tmp_path) == ""
    assert time.monotonic() - began < 10


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_no_content_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes, prefixed: bool) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / ".git").write_bytes((b"gitdir: " if prefixed else b"") + content)
    assert sources(folder) == ""


def test_the_owner_of_what_was_changed_last(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for age_s, path in enumerate((new, old)):
        path.write_text("x")
        os.utime(path, (1_000_000 - age_s, 1_000_000 - age_s))
    me = pwd.getpwuid(os.getuid()).pw_name
    assert owner_of([old, new, tmp_path / "absent"]) == me
    assert owner_of([tmp_path / "absent"]) == owner_of([]) == ""
    if os.getuid() == 0:
        os.chown(new, 54_321, -1)
        assert owner_of([old, new]) == "54321"
        os.utime(old)
        assert owner_of([old, new]) == me
