"""The proof of what was allowed when: nothing in it changes unseen, and nothing acknowledged is lost."""

import os
import random
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.chain import Entry, canonical, sealed
from gateway.access.history import HistoryError, PolicyHistory

DAY_NS = 86_400 * 10**9
FIRST = {"access.yaml": b"rules: []\n", "models/small.yaml": b"name: small\n"}
SECOND = {**FIRST, "access.yaml": b"rules: [{id: a}]\n"}
THIRD = {"access.yaml": b"rules: [{id: a}]\n", "models/large.yaml": b"name: large\n"}


def filled(folder: Path) -> PolicyHistory:
    history = PolicyHistory(folder)
    for day, files in enumerate((FIRST, SECOND, THIRD), 1):
        history.append(files, actor="root", source="c0ffee", at_ns=day * DAY_NS, reason="" if day > 1 else "the start")
    return history


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of three entries, to be copied."""
    folder = tmp_path_factory.mktemp("pattern") / "policy_history"
    assert filled(folder).verify() == []
    return folder


@pytest.fixture
def copied(pattern: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pattern, tmp_path / "policy_history")


def lines_of(folder: Path) -> list[bytes]:
    return (folder / "chain.jsonl").read_bytes().splitlines(keepends=True)


def parts_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_took_force_can_be_read_again(pattern: Path) -> None:
    history = PolicyHistory(pattern)
    assert [(one.seq, one.at, one.actor, one.source) for one in history.entries()] == [
        (seq, seq * DAY_NS, "root", "c0ffee") for seq in (1, 2, 3)
    ]
    assert [history.files(one) for one in history.entries()] == [FIRST, SECOND, THIRD]


def test_a_history_that_was_never_written_is_empty(tmp_path: Path) -> None:
    history = PolicyHistory(tmp_path / "none")
    assert (history.entries(), history.head, history.verify()) == ([], "", [])
    assert history.verify(head="0" * 64) != []
    assert not (tmp_path / "none").exists()


def test_what_is_in_force_already_is_not_recorded_again(copied: Path) -> None:
    history = PolicyHistory(copied)
    before = history.entries()
    assert history.append(THIRD, "somebody", "else", 9 * DAY_NS) == before[-1]
    assert history.entries() == before
    assert history.append(FIRST, "somebody", "else", 9 * DAY_NS).seq == 4, "an earlier one that comes back is new"
    assert history.verify() == []


def test_files_are_kept_once_and_for_their_owner_only(pattern: Path) -> None:
    assert len(list((pattern / "objects").glob("??/*"))) == 4
    assert {path.stat().st_mode & 0o777 for path in parts_of(pattern)} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in pattern.rglob("*") if path.is_dir()} == {0o700}


def test_a_clock_set_back_does_not_break_the_chain(copied: Path) -> None:
    history = PolicyHistory(copied)
    assert history.append(FIRST, "root", "", DAY_NS).at == 3 * DAY_NS
    assert history.verify() == []


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_found(pattern: Path, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(parts_of(pattern)))
    content = part.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    try:
        part.write_bytes(changed)
        assert PolicyHistory(pattern).verify() != []
    finally:
        part.write_bytes(content)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_bytes_put_in_or_taken_out_are_found(pattern: Path, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(parts_of(pattern)))
    content = part.read_bytes()
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(content)), st.integers(0, len(content)))))
    changed = content[:start] + data.draw(st.binary(max_size=3)) + content[end:]
    lines = changed.splitlines(keepends=True)
    whole_tail_only = part.name == "chain.jsonl" and lines == content.splitlines(keepends=True)[: len(lines)]
    try:
        part.write_bytes(changed)
        found = PolicyHistory(pattern).verify()
        assert bool(found) == (changed != content and not whole_tail_only)
    finally:
        part.write_bytes(content)


def drop(number: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        lines = lines_of(folder)
        del lines[number]
        (folder / "chain.jsonl").write_bytes(b"".join(lines))

    return change


def swap(folder: Path) -> None:
    first, second, third = lines_of(folder)
    (folder / "chain.jsonl").write_bytes(first + third + second)


def resealed(**fields: object) -> Callable[[Path], None]:
    """Change the second entry, and give it the hash that belongs to the change."""

    def change(folder: Path) -> None:
        first, second, third = lines_of(folder)
        entry = sealed(msgspec.structs.replace(msgspec.json.decode(second, type=Entry), **fields))
        (folder / "chain.jsonl").write_bytes(first + canonical(entry) + b"\n" + third)

    return change


def remove_object(folder: Path) -> None:
    parts_of(folder / "objects")[0].unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop(0), "chain.jsonl:1: has seq 2 where 1 belongs"),
        (drop(1), "chain.jsonl:2: has seq 3 where 2 belongs"),
        (drop(1), "chain.jsonl:2: does not follow the line before it"),
        (swap, "chain.jsonl:2: has seq 3 where 2 belongs"),
        (swap, "chain.jsonl:3: is older than the line before it"),
        (resealed(actor="nobody"), "chain.jsonl:3: does not follow the line before it"),
        (resealed(at=5 * DAY_NS), "chain.jsonl:3: is older than the line before it"),
        (resealed(digest="0" * 64), "chain.jsonl:2: its digest is not that of its files"),
        (resealed(files={"../out.yaml": "0" * 64}), "`../out.yaml` is no path of a file below a folder"),
        (resealed(files={"a.yaml": "../../../x"}), "`../../../x` is no SHA-256"),
        (remove_object, "is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change: Callable[[Path], None], said: str, copied: Path) -> None:
    change(copied)
    assert any(said in problem for problem in PolicyHistory(copied).verify()), PolicyHistory(copied).verify()


def test_an_end_cut_off_is_found_by_a_head_kept_elsewhere(copied: Path) -> None:
    history = PolicyHistory(copied)
    heads = [entry.hash for entry in history.entries()]
    assert history.head == heads[-1]
    assert all(history.verify(head=head) == [] for head in heads), "an older head is still in the chain"
    drop(-1)(copied)
    assert history.verify() == [], "nothing in the folder tells"
    (said,) = history.verify(head=heads[-1])
    assert "its end was cut off, or it was written anew" in said


def test_a_chain_written_anew_is_found_by_a_head_kept_elsewhere(copied: Path, tmp_path: Path) -> None:
    forged = PolicyHistory(tmp_path / "forged")
    for day, files in enumerate((FIRST, THIRD, THIRD), 1):
        forged.append(files, "root", "c0ffee", day * DAY_NS)
    assert forged.verify() == []
    assert forged.verify(head=PolicyHistory(copied).head) != []


def test_a_snapshot_that_was_altered_is_not_given(copied: Path) -> None:
    history = PolicyHistory(copied)
    entry = history.entries()[0]
    parts = [path for path in parts_of(copied / "objects") if path.name == entry.files["models/small.yaml"]]
    parts[0].write_bytes(b"name: smaller\n")
    with pytest.raises(HistoryError, match=r"models/small\.yaml of entry 1: .* has been altered"):
        history.files(entry)
    history.append(FIRST, "root", "", 9 * DAY_NS)
    assert history.verify() == [], "content that comes again heals what stands for it"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a/.."])
def test_paths_that_lead_elsewhere_are_refused(path: str, tmp_path: Path) -> None:
    history = PolicyHistory(tmp_path / "h")
    with pytest.raises(ValueError, match="is no path of a file below a folder"):
        history.append({path: b""}, "root", "", 1)
    entry = Entry(seq=1, at=1, digest="", files={path: "0" * 64}, actor="", source="", prev="", hash="")
    with pytest.raises(HistoryError, match="is no path of a file below a folder"):
        history.files(entry)


def test_a_line_cut_off_at_any_byte_is_set_aside(
    pattern: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = lines_of(pattern)
    for length in sorted({*range(1, len(third), 8), len(third) - 1}):
        folder = shutil.copytree(pattern, tmp_path / str(length))
        (folder / "chain.jsonl").write_bytes(first + second + third[:length])
        history = PolicyHistory(folder)
        assert [one.seq for one in history.entries()] == [1, 2]
        (problem,) = history.verify()
        assert "chain.jsonl:3: ends in the middle of a line" in problem
        caplog.clear()
        assert history.append(THIRD, "root", "", 9 * DAY_NS).seq == 3
        assert "the last line had no end" in caplog.text
        assert [path.read_bytes() for path in (folder / "torn").iterdir()] == [third[:length]]
        assert history.verify() == []


def test_blocks_that_never_reached_the_disk_are_set_aside(copied: Path) -> None:
    with (copied / "chain.jsonl").open("ab") as chain:
        chain.write(b"\0" * 4096 + b"}\n")
    history = PolicyHistory(copied)
    assert history.verify() != []
    assert history.append(FIRST, "root", "", 9 * DAY_NS).seq == 4
    assert history.verify() == []


def test_nothing_is_built_on_a_last_line_that_was_altered(copied: Path) -> None:
    *before, last = lines_of(copied)
    history = PolicyHistory(copied)
    for changed in (last.replace(b'"root"', b'"boot"'), b"{}\n", b"\n"):
        (copied / "chain.jsonl").write_bytes(b"".join([*before, changed]))
        with pytest.raises(HistoryError, match="the last line"):
            history.append(FIRST, "root", "", 9 * DAY_NS)
        assert lines_of(copied)[-1] == changed


def test_long_lines_are_followed_too(tmp_path: Path) -> None:
    history = PolicyHistory(tmp_path / "h")
    many = {f"models/model-{number:04}.yaml": b"same" for number in range(3000)}
    for number in range(3):
        history.append({**many, "access.yaml": str(number).encode()}, "root", "", number)
    assert [one.seq for one in history.entries()] == [1, 2, 3]
    assert history.verify() == []


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from gateway.access.history import PolicyHistory
    history = PolicyHistory(Path(sys.argv[1]))
    name, count = sys.argv[2], int(sys.argv[3])
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        files = {"access.yaml": f"{name} {number}".encode() * 200, "models/m.yaml": b"same"}
        print(history.append(files, name, "", number).hash, flush=True)
    """
)


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    writers = [writer(tmp_path / "h", name, 40) for name in ("one", "two")]
    said: list[str] = []
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in writers:
        out, _ = process.communicate(timeout=60)
        said += out.split()
        assert process.returncode == 0
    history = PolicyHistory(tmp_path / "h")
    entries = history.entries()
    assert history.verify() == []
    assert sorted(entry.hash for entry in entries) == sorted(said)
    assert [entry.actor for entry in entries].count("one") == 40
    assert len(entries) == 80


def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    chance = random.Random(4)
    history = PolicyHistory(tmp_path / "h")
    said: list[str] = []
    for turn in range(6):
        process = writer(tmp_path / "h", f"w{turn}", 100_000)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout is not None
        # However slow the machine is, every other one gets to write; the rest are killed whenever it is.
        first = process.stdout.readline() if turn % 2 else ""
        time.sleep(chance.uniform(0.01, 0.08))
        process.kill()
        out = first + process.stdout.read()
        process.communicate(timeout=60)
        said += [line for line in out.split("\n") if len(line) == 64]
        if turn % 2:  # what a kill within the write leaves
            with (tmp_path / "h" / "chain.jsonl").open("ab") as chain:
                chain.write(b'{"actor":"w')
        said.append(history.append({"access.yaml": os.urandom(8)}, "us", "", 0).hash)
    assert history.verify() == []
    assert set(said) <= {entry.hash for entry in history.entries()}
    assert len(said) > 6, "the writers got to write"
