"""Files of a conversion → the folder of prompts, published. What is there stays, or nothing is written at all."""

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.core.faults import Conflict
from gateway.prompts.dotprompt import read
from gateway.prompts.formats import Converted
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.locks import FILE as LOCK
from gateway.prompts.metadata import FILE as META
from gateway.prompts.naming import MAX_MESSAGE
from gateway.prompts.publishing import Publication, publish_numbered
from gateway.prompts.writing import only_writer, replace_file


class Imported(msgspec.Struct, frozen=True):
    """Paths are relative to the folder of prompts.

    Attributes:
        written: files. same: those that were there as they are.
        kept: each prompt.yaml that was there and says something else: it is its owner's, and stays.
        published: versions, in order; those that were published before are not among them.
    """

    written: list[str]
    same: list[str]
    kept: list[str]
    published: list[Publication]


def planned(root: Path, converted: Converted) -> Imported:
    """What `write_imported` would write; `published` is empty.

    Raises:
        Conflict: versions or partials are there and say something else, or versions would stand behind later ones.
    """
    made = Imported([], [], [], [])
    wrong: list[str] = []
    for path, text in converted.files.items():
        file = root / path
        if not file.exists():
            made.written.append(path)
        elif file.read_bytes() == text.encode():
            made.same.append(path)
        elif file.name == META:
            made.kept.append(path)
        else:
            wrong.append(f"{file} is there already, and says something else")
    wrong += _behind(read_library(root), converted)
    wrong += _shadowed(root, converted)
    if wrong:
        raise Conflict("; ".join(wrong), code="import_conflict")
    return made


def write_imported(root: Path, converted: Converted, *, by: str, clock: Clock) -> Imported:
    """Write the files, and publish the versions among them under the numbers that they have.

    Raises:
        Conflict: as `planned`; nothing has been written then. DocumentError: something of the prompts that are there
            has to be mended first. OSError: a file cannot be written; doing it again does the rest.
    """
    root.mkdir(parents=True, exist_ok=True)
    with only_writer(root):
        made = planned(root, converted)
        for path in made.written:
            if not path.endswith(META):
                _write(root / path, converted.files[path])
    known = read_library(root)
    wanted = [
        (one.name, one.number, _message(one.message))
        for one in converted.versions
        if one.number not in _published(known, one.name)
    ]
    made.published.extend(publish_numbered(root, wanted, by=by, clock=clock))
    # Last: labels stand on what is published.
    for path in made.written:
        if path.endswith(META):
            _write(root / path, converted.files[path])
    return made


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, text.encode())


def _behind(library: Library, converted: Converted) -> list[str]:
    """Versions whose lines would stand behind those of later ones."""
    wrong: list[str] = []
    for one in converted.versions:
        known = _published(library, one.name)
        newest = max(known, default=0)
        if one.number not in known and one.number < newest:
            why = f"the lines of {LOCK} only rise"
            wrong.append(f"version {one.number} of {one.name} cannot be added behind version {newest}: {why}")
    return wrong


def _shadowed(root: Path, converted: Converted) -> Iterator[str]:
    """Partials that stand nearer to a version than those that come with it, and would be taken in their place."""
    for one in converted.versions:
        path = f"{one.name}/{one.number}.prompt"
        needed = read(converted.files[path], path=path, partials=lambda name: converted.files.get(f"_{name}.prompt"))
        for name in needed.partials:
            for folder in (*list(Path(one.name).parents)[:-1], Path(one.name)):
                file = root / folder / f"_{name}.prompt"
                if file.exists():
                    yield f"{path} needs the partial `{name}` that comes with it, and {file} stands nearer; rename that"


def _published(library: Library, name: str) -> Collection[int]:
    entry = library.prompts.get(name)
    return () if entry is None else entry.versions.keys()


def _message(text: str) -> str:
    """What publishing takes: printable, on one line, and not too long."""
    return "".join(each if each.isprintable() else " " for each in text)[:MAX_MESSAGE]
