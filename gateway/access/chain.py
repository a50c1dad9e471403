"""A chain of entries, each bound to the one before it: what an entry is, and what can be wrong with a chain of them.

Canonical JSON here is: keys sorted, no white space, UTF-8. An entry's `hash` is the SHA-256 of its canonical JSON
without `hash`; `prev` is the hash of the entry before it. Whoever changes one line must change every later one.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import msgspec

NOTHING_BEFORE = "0" * 64


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One activation.

    Attributes:
        seq: 1, 2, 3 … at: Unix nanoseconds. digest: of the whole snapshot, see `snapshot_digest`.
        files: relative path → SHA-256 of the content. actor: who activated it. source: where it came from (a commit),
            or empty. reason: why, or empty.
        prev: hash of the entry before, 64 zeros for the first. hash: of this one.
    """

    seq: int
    at: int
    digest: str
    files: dict[str, str]
    actor: str
    source: str
    reason: str = ""
    prev: str
    hash: str


def canonical(value: object) -> bytes:
    """The one JSON of a value."""
    return msgspec.json.encode(value, order="sorted")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def snapshot_digest(files: Mapping[str, str]) -> str:
    """SHA-256 over the canonical JSON of `[[relative path, SHA-256 of the content], …]`, sorted by path."""
    return sha256(canonical(sorted(files.items())))


def sealed(entry: Entry) -> Entry:
    """The entry with the hash that belongs to it."""
    return msgspec.structs.replace(entry, hash=hash_of(entry))


def hash_of(entry: Entry) -> str:
    """What the entry's hash has to be."""
    fields: dict[str, object] = msgspec.to_builtins(entry)
    return sha256(canonical({name: value for name, value in fields.items() if name != "hash"}))


def decode_entry(line: bytes) -> Entry:
    """The entry in a line, which must be written as `canonical` writes it: there is one line for each entry.

    Raises:
        ValueError: it is no entry, or written otherwise.
    """
    try:
        entry = msgspec.json.decode(line, type=Entry)
        same = canonical(entry) == line
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError(f"is no entry: {error}") from None
    if not same:
        raise ValueError("is not written as entries are: it has been altered")
    return entry


def check_path(path: str) -> str:
    """The path itself, if it leads to a place below the folder it is relative to.

    Raises:
        ValueError: it leads elsewhere.
    """
    parts = path.split("/")
    if not path or "\\" in path or "\0" in path or PurePosixPath(path).is_absolute() or {"", ".", ".."} & set(parts):
        raise ValueError(f"`{path[:200]}` is no path of a file below a folder")
    return path


def broken_links(lines: Sequence[Entry | ValueError]) -> Iterator[tuple[int, str]]:
    """What is wrong with a chain: (line from 1, what). `lines`: each line's entry, or why it is none."""
    before: Entry | None = None
    known = True  # whether the line before could be read
    due = 1
    for number, line in enumerate(lines, 1):
        if isinstance(line, ValueError):
            yield number, str(line)
            known, due = False, due + 1
            continue
        if hash_of(line) != line.hash:
            yield number, "has been altered: its hash is not that of its content"
        if snapshot_digest(line.files) != line.digest:
            yield number, "its digest is not that of its files"
        for path in line.files:
            try:
                check_path(path)
            except ValueError as error:
                yield number, str(error)
        if line.seq != due:
            yield number, f"has seq {line.seq} where {due} belongs: lines are missing, added or in another order"
        if known and line.prev != (before.hash if before else NOTHING_BEFORE):
            yield number, "does not follow the line before it: its prev is another hash"
        if before is not None and line.at < before.at:
            yield number, "is older than the line before it: time ran backwards"
        before, known, due = line, True, line.seq + 1
