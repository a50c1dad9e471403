"""What stands in for broken files, kept for a process that is started while they are broken."""

from pathlib import Path

import msgspec

from gateway.prompts.building import Entry
from gateway.prompts.document import Published
from gateway.prompts.library import Library
from gateway.prompts.metadata import Meta, read_meta
from gateway.prompts.versions import Partial, Version
from gateway.stores.documents import DocumentError, Text
from gateway.stores.files import write_private


class _Version(msgspec.Struct, frozen=True):
    lock: Published
    file: str
    data: bytes
    partials: dict[str, Partial]


class _Prompt(msgspec.Struct, frozen=True):
    file: str
    data: bytes
    versions: dict[int, _Version]


def keep(library: Library, path: Path) -> None:
    """Write down, to `path`, every prompt of which something is no longer as its files say; without any, there is no
    such file.

    Raises:
        OSError: it cannot be written.
    """
    kept = {name: _kept(entry) for name, entry in library.prompts.items() if entry.stands_in}
    if kept:
        write_private(path, msgspec.json.encode(kept))
    else:
        path.unlink(missing_ok=True)


def read_kept(path: Path) -> dict[str, Entry]:
    """By name, what `keep` has written; nothing, if that cannot be read any more."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=dict[str, _Prompt])
        return {name: _entry(name, one) for name, one in kept.items()}
    except (OSError, msgspec.MsgspecError, DocumentError, UnicodeDecodeError):
        return {}


def _kept(entry: Entry) -> _Prompt:
    versions = {
        number: _Version(one.lock, one.file, one.data, dict(one.needed))
        for number, one in entry.versions.items()
        if one.problem is None and one.lock is not None
    }
    return _Prompt(entry.meta.file, entry.meta.data, versions)


def _entry(name: str, kept: _Prompt) -> Entry:
    meta = read_meta(name, Text(kept.file, kept.data))[0] if kept.file else Meta(name=name)
    versions = {
        number: Version(name, number, one.lock, one.file, one.data, one.partials)
        for number, one in kept.versions.items()
    }
    return Entry(meta=meta, versions=versions, lock={number: one.lock for number, one in kept.versions.items()})
