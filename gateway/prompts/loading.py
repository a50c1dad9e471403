"""The prompts folder as a `Library`: what has changed is read again, and nothing else.

    prompts/<name>/1.prompt, 2.prompt …   versions, with a line each in versions.yaml
    prompts/<name>/draft.prompt           not published, and served to nobody
    prompts/<name>/prompt.yaml            what there is to say about all versions; may be left out
    prompts/…/_<partial>.prompt           a partial; the one in the nearest folder counts

A version whose bytes, and those of its partials, are the ones in its lock is not compiled here: it was when it was
published. All else is. So a thousand prompts load in less than a second, and a file that was changed is found at once.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.prompts.building import Entry, Files, build, is_prompt
from gateway.prompts.digests import source_digest
from gateway.prompts.library import Library
from gateway.prompts.naming import why_no_name
from gateway.prompts.scanning import PARTIAL as _PARTIAL
from gateway.prompts.scanning import PROMPT as _PROMPT
from gateway.prompts.scanning import Seen, Stat, look
from gateway.prompts.versions import Partial, Partials, Problem
from gateway.prompts.vouching import Vouch, Vouched, as_vouched, vouched_by_folder
from gateway.stores.documents import DocumentError

MAX_BYTES = 1024 * 1024


class Folder(msgspec.Struct, frozen=True, eq=False):
    """A folder as it was read. `vouched`: by name, what was signed of it."""

    stats: Mapping[str, Stat]
    files: Files
    vouched: Vouched | None = None


class Built(msgspec.Struct, frozen=True, eq=False):
    """A prompt as it was built, and what was wrong with it."""

    entry: Entry | None
    problems: tuple[Problem, ...]


class Tree(msgspec.Struct, frozen=True, eq=False):
    """What the next reading begins with, by path below the root."""

    folders: Mapping[str, Folder] = {}
    partials: Mapping[str, Partials] = {}
    built: Mapping[str, Built] = {}


NOTHING = Tree()
_NO_PARTIALS: Partials = {}


def read_library(
    root: Path,
    before: Library | None = None,
    *,
    seen: Seen | None = None,
    last_good: Mapping[str, Entry] | None = None,
    vouch: Vouch | None = None,
) -> Library:
    """All prompts below `root`.

    Args:
        before: as it was read last; what is wrong by now stays as it is there, and is told in `problems`.
        seen: what `look` has found. last_good: by name, what stands in where there is nothing before.
        vouch: reads who vouches for what, if somebody must.
    """
    seen = look(root) if seen is None else seen
    old = NOTHING if before is None else before.tree
    try:
        vouched = None if vouch is None else vouched_by_folder(root, vouch, seen)
    except DocumentError as error:
        return _as_it_was(before, last_good or {}, error)
    folders = {
        path: _folder(
            f"{root}/{path}".rstrip("/"),
            stats,
            old.folders.get(path),
            None if vouched is None else vouched.get(path, {}),
        )
        for path, stats in {**_signed_and_gone(vouched, seen), **seen.folders}.items()
    }
    kept = {path: one for path, one in old.folders.items() if _hidden(path, seen.unreadable)}
    folders = {**kept, **folders}
    partials = _partials(root, folders, old)
    problems = [
        Problem(file=str(root / path), line=0, reason=f"cannot be read: {why}") for path, why in seen.unreadable.items()
    ]
    built: dict[str, Built] = {}
    for path in sorted(folders):
        folder, reach = folders[path], partials[path]
        problems += _unreadable_partials(root, path, folder.files)
        known = old.built.get(path)
        if known is not None and folder is old.folders.get(path) and reach is old.partials.get(path):
            built[path] = known
            continue
        if not is_prompt(folder.files):
            problems += _strays(root, path, folder.files)
            continue
        if why := why_no_name(path):
            problems.append(Problem(file=str(root / path), line=0, reason=why))
            continue
        good = (last_good or {}).get(path) if known is None else known.entry
        entry, told = build(path, str(root / path), folder.files, reach, good)
        built[path] = Built(entry, tuple(told))
    entries = {path: one.entry for path, one in built.items() if one.entry is not None}
    told = [problem for one in built.values() for problem in one.problems]
    found = [*problems, *told, *_ambiguous(entries)]
    found.sort(key=lambda one: (one.file, one.line, one.reason))
    labels = None if before is None else before.labels
    return Library(entries, found, labels, Tree(folders, partials, built))


def _signed_and_gone(vouched: Mapping[str, Vouched] | None, seen: Seen) -> Mapping[str, Mapping[str, Stat]]:
    """Folders that are not there, of which a bundle lists files: somebody has to vouch for taking one away, too."""
    listed = sorted(vouched or {})
    return {path: {} for path in listed if path not in seen.folders and not _hidden(path, seen.unreadable)}


def _hidden(path: str, unreadable: Mapping[str, str]) -> bool:
    """Whether a folder is one that could not be looked into, or below one."""
    return any(not one or path == one or path.startswith(f"{one}/") for one in unreadable)


def _as_it_was(before: Library | None, last_good: Mapping[str, Entry], error: DocumentError) -> Library:
    """Nobody vouches for anything that is there: nothing of it is taken."""
    known = last_good if before is None else before.prompts
    entries = {name: msgspec.structs.replace(entry, stands_in=True) for name, entry in known.items()}
    problem = Problem(file=error.file, line=error.line, reason=error.reason)
    labels, tree = (None, NOTHING) if before is None else (before.labels, before.tree)
    return Library(entries, [problem], labels, tree)


def _folder(path: str, stats: Mapping[str, Stat], old: Folder | None, vouched: Vouched | None) -> Folder:
    if old is not None and old.stats == stats and old.vouched == vouched:
        return old
    files: dict[str, bytes | DocumentError] = {}
    for name, seen in stats.items():
        if old is not None and old.stats.get(name) == seen and old.vouched == vouched:
            files[name] = old.files[name]
        elif name.endswith(_PROMPT) or name in ("prompt.yaml", "versions.yaml"):
            files[name] = _read(f"{path}/{name}")
        else:
            files[name] = b""  # that it is there is all that counts
    return Folder(stats, files if vouched is None else as_vouched(path, files, vouched), vouched)


def _read(path: str) -> bytes | DocumentError:
    """Quicker than `stores.documents.read_text`: there are ten thousand of them."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return DocumentError(path, 0, f"cannot be read: {error.strerror}")
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            return DocumentError(path, 0, "cannot be read: it is no regular file")
        if seen.st_size > MAX_BYTES:
            return DocumentError(path, 0, f"is larger than {MAX_BYTES} bytes")
        return os.read(descriptor, seen.st_size + 1)
    except OSError as error:
        return DocumentError(path, 0, f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def _partials(root: Path, folders: Mapping[str, Folder], old: Tree) -> dict[str, Partials]:
    """Of each folder, the partials in reach: its own, and those of the folders around it that it has none of."""
    found: dict[str, Partials] = {}
    for path in sorted(folders, key=lambda path: (path.count("/") + bool(path), path)):
        around = found.get(path.rpartition("/")[0], _NO_PARTIALS) if path else _NO_PARTIALS
        folder = folders[path]
        own = [name for name in folder.files if name.startswith(_PARTIAL) and name.endswith(_PROMPT)]
        reach = {**around, **{one.name: one for name in own if (one := _partial(root, path, name, folder)) is not None}}
        known = old.partials.get(path)
        # One object while nothing changes: that is how what depends on it is known to be as it was.
        found[path] = known if known == reach and known is not None else reach if own else around
    return found


def _partial(root: Path, path: str, name: str, folder: Folder) -> Partial | None:
    data = folder.files[name]
    if isinstance(data, DocumentError) or not _is_text(data):
        return None
    file = str(root / path / name)
    return Partial(name.removeprefix(_PARTIAL).removesuffix(_PROMPT), file, data.decode(), source_digest(data))


def _unreadable_partials(root: Path, path: str, files: Files) -> list[Problem]:
    found: list[Problem] = []
    for name, data in files.items():
        if not name.startswith(_PARTIAL):
            continue
        if isinstance(data, DocumentError):
            found.append(Problem(file=data.file, line=0, reason=data.reason))
        elif not _is_text(data):
            found.append(Problem(file=str(root / path / name), line=0, reason="is not UTF-8"))
    return found


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _strays(root: Path, path: str, files: Files) -> list[Problem]:
    """Prompts that stand where they are not read."""
    found: list[Problem] = []
    for name in files:
        if name.endswith(_PROMPT) and not name.startswith(_PARTIAL):
            stem = name.removesuffix(_PROMPT)
            reason = f"is not read: a prompt is a folder; move it to {stem}/draft.prompt"
            found.append(Problem(file=str(root / path / name), line=0, reason=reason))
    return found


def _ambiguous(entries: Mapping[str, Entry]) -> list[Problem]:
    """Aliases that are another prompt's, too."""
    found: list[Problem] = []
    owners: dict[str, str] = {}
    for name, entry in entries.items():
        for alias in entry.meta.aliases:
            owner = alias if alias in entries else owners.setdefault(alias, name)
            if owner != name:
                reason = f"the alias `{alias}` is the prompt `{owner}`, and stays that"
                found.append(Problem(file=entry.meta.file, line=0, reason=reason, prompt=name))
    return found
