"""Publishing: a draft becomes the next version, and its line is appended to the lock."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.core.days import written
from gateway.core.faults import BadRequest, Conflict
from gateway.prompts.building import DRAFT_FILE, Entry
from gateway.prompts.digests import source_digest
from gateway.prompts.document import Published
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.locks import FILE as LOCK
from gateway.prompts.locks import lock_line
from gateway.prompts.naming import MAX_MESSAGE
from gateway.prompts.versions import Partials, compile_prompt, line_of
from gateway.prompts.writing import only_writer, replace_file
from gateway.stores.documents import DocumentError, read_text

SCHEMA = "prompt-versions.schema.json"
_HEAD = "# Appended to by `gateway prompts publish`: no line is ever changed or taken out.\n"


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What was published. `file`: where it is."""

    name: str
    version: int
    digest: str
    file: str
    lock: Published


def publish(root: Path, name: str, *, by: str, message: str, clock: Clock) -> Publication:
    """Make the next version of a prompt of its draft.prompt; or of the file with the next number, if somebody has put
    one there.

    Raises:
        UnknownPrompt: there is no such folder. DocumentError: something in it has to be mended first. Conflict: there
            is nothing to publish, or it is the same as a version. BadRequest: the message is too long.
        OSError: it cannot be written.
    """
    _check_message(message)
    with only_writer(root):
        library = read_library(root)
        entry = _mended(library, root, name)
        name = entry.meta.name  # and no alias
        folder = root / name
        number = entry.newest + 1
        source = folder / f"{number}.prompt"
        if not source.exists():
            source = folder / DRAFT_FILE
            if not source.exists():
                reason = f"there is nothing to publish: write {source}"
                raise Conflict(reason, code="nothing_to_publish")
        data = read_text(source).data
        lock = _lock_of(name, source, data, library.tree.partials[name], by=by, message=message, clock=clock)
        _check_new(entry, source, lock)
        target = folder / f"{number}.prompt"
        # The version first: without its line it is not published, and publishing again does the rest.
        if source != target:
            replace_file(target, data)
        _append(folder, number, lock)
        if source != target:
            source.unlink()
    return Publication(name=name, version=number, digest=lock.digest, file=str(target), lock=lock)


def publish_numbered(root: Path, wanted: Sequence[tuple[str, int, str]], *, by: str, clock: Clock) -> list[Publication]:
    """Publish files that are there already under their own numbers, for imports: numbers may be left out between them,
    and a version may be the same as another.

    Args:
        wanted: name, number and message of each; the numbers of a prompt rise, and are beyond all that are published.

    Raises:
        UnknownPrompt, DocumentError, BadRequest, OSError: as `publish`; those before have been published.
        Conflict: a number does not rise.
    """
    made: list[Publication] = []
    with only_writer(root):
        library = read_library(root)
        newest: dict[str, int] = {}
        for name, number, message in wanted:
            _check_message(message)
            after = newest.get(name) or _mended(library, root, name).newest
            if number <= after:
                raise Conflict(f"version {number} of {name} stands behind version {after}", code="not_the_newest")
            file = root / name / f"{number}.prompt"
            data, partials = read_text(file).data, library.tree.partials[name]
            lock = _lock_of(name, file, data, partials, by=by, message=message, clock=clock)
            if number > after + 1:
                lock = msgspec.structs.replace(lock, after=after)
            _append(root / name, number, lock)
            newest[name] = number
            made.append(Publication(name=name, version=number, digest=lock.digest, file=str(file), lock=lock))
    return made


def _check_message(message: str) -> None:
    if len(message) > MAX_MESSAGE or not message.isprintable():
        raise BadRequest(f"a message has at most {MAX_MESSAGE} printable characters, on one line", param="message")


def _mended(library: Library, root: Path, name: str) -> Entry:
    """The prompt, of which nothing is wrong but that it is not published.

    Raises:
        UnknownPrompt, DocumentError: as `publish`.
    """
    unread = [one for one in library.problems if one.prompt == name and name not in library.prompts]
    for problem in unread:
        raise DocumentError(problem.file, problem.line, problem.reason)
    entry = library.entry(name)
    lock = str(root / entry.meta.name / LOCK)
    for problem in library.problems:
        if problem.file == lock:
            raise DocumentError(problem.file, problem.line, problem.reason)
    return entry


def _lock_of(
    name: str, source: Path, data: bytes, partials: Partials, *, by: str, message: str, clock: Clock
) -> Published:
    prompt, digest = compile_prompt(str(source), data, partials)
    if prompt.name is not None and prompt.name != name:
        reason = f"its front matter calls it `{prompt.name}`, and its folder `{name}`; leave `name` out"
        raise DocumentError(str(source), line_of(data, "name"), reason)
    at = written(clock.now())
    needed = {one: partials[one].digest for one in prompt.partials}
    return Published(digest=digest, at=at, by=by, message=message, source=source_digest(data), partials=needed)


def _check_new(entry: Entry, source: Path, lock: Published) -> None:
    same = [number for number, one in entry.lock.items() if one.digest == lock.digest]
    if same:
        raise Conflict(f"{source} is the same as version {same[0]}", code="already_published")


def _append(folder: Path, number: int, entry: Published) -> None:
    path = folder / LOCK
    old = path.read_bytes() if path.exists() else _head(folder).encode()
    if old and not old.endswith(b"\n"):
        old += b"\n"
    replace_file(path, old + lock_line(number, entry).encode())


def _head(folder: Path) -> str:
    """What a new lock begins with: for editors, its schema, where that is."""
    for around in folder.parents:
        schema = around / "schemas" / SCHEMA
        if schema.exists():
            return f"# yaml-language-server: $schema={os.path.relpath(schema, folder)}\n{_HEAD}"
    return _HEAD
