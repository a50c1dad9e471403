"""One prompt out of its folder's files: what is good of them, what is wrong with them, and what stood before."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from gateway.prompts.document import Published
from gateway.prompts.locks import FILE as LOCK
from gateway.prompts.locks import NO_LOCK, ReadLock, order_problems, read_lock
from gateway.prompts.metadata import FILE as META
from gateway.prompts.metadata import Meta, read_meta
from gateway.prompts.naming import DRAFT
from gateway.prompts.versions import Partials, Problem, Version
from gateway.stores.documents import DocumentError, Text
from gateway.stores.wording import nearest

DRAFT_FILE = f"{DRAFT}.prompt"
_NUMBERED = re.compile(r"([1-9][0-9]{0,8})\.prompt")
Files = Mapping[str, bytes | DocumentError]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt.

    Attributes:
        versions: the published ones, by number, rising; those that are refused too, which say so when they are asked.
        draft: what is not published yet, if there is something.
        lock: what was published, by number. stands_in: whether some of it is no longer what its files say.
    """

    meta: Meta
    versions: Mapping[int, Version] = {}
    draft: Version | None = None
    lock: Mapping[int, Published] = {}
    stands_in: bool = False

    @property
    def newest(self) -> int:
        """The highest published number; 0 if nothing is published."""
        return max(self.versions, default=0)

    def all_versions(self) -> Iterator[Version]:
        """With the draft."""
        yield from self.versions.values()
        if self.draft is not None:
            yield self.draft


def is_version(name: str) -> bool:
    """Whether a file of that name is a published version."""
    return _NUMBERED.fullmatch(name) is not None


def is_prompt(files: Files) -> bool:
    """Whether these files are a prompt's folder."""
    return LOCK in files or META in files or any(name == DRAFT_FILE or _NUMBERED.fullmatch(name) for name in files)


def build(
    name: str, folder: str, files: Files, partials: Partials, before: Entry | None
) -> tuple[Entry | None, list[Problem]]:
    """The prompt `name`; None, if nothing of it can be used. `before`: what stands in for what is wrong."""
    builder = _Builder(name, folder, files, partials, before)
    return builder.build(), builder.problems


class _Builder:
    def __init__(self, name: str, folder: str, files: Files, partials: Partials, before: Entry | None) -> None:
        self._name, self._folder, self._files, self._partials = name, folder, files, partials
        self._before = before
        self._stands_in = False
        self.problems: list[Problem] = []

    def build(self) -> Entry | None:
        self._misnamed()
        lock = self._lock()
        versions = {number: one for number in sorted(lock.entries) if (one := self._version(number, lock)) is not None}
        self._unpublished(lock)
        meta = self._meta(versions)
        if meta is None:
            return None
        return Entry(meta=meta, versions=versions, draft=self._draft(), lock=lock.entries, stands_in=self._stands_in)

    def _told(self, file: str, line: int, reason: str, version: int = 0) -> None:
        self.problems.append(self._about(version, file, line, reason))

    def _about(self, version: int, file: str, line: int, reason: str) -> Problem:
        return Problem(file=file, line=line, reason=reason, prompt=self._name, version=version)

    def _path(self, file: str) -> str:
        return f"{self._folder}/{file}"

    def _text(self, file: str) -> Text | None:
        """Raises: DocumentError: it could not be read."""
        found = self._files.get(file)
        if isinstance(found, DocumentError):
            raise found
        return None if found is None else Text(self._path(file), found)

    def _misnamed(self) -> None:
        """What stands here as if it were read, and is not."""
        for file in self._files:
            if file.endswith(".prompt") and not (
                file == DRAFT_FILE or file.startswith("_") or _NUMBERED.fullmatch(file)
            ):
                reason = "is not read; versions are called 1.prompt, 2.prompt …, what is not published draft.prompt"
                self._told(self._path(file), 0, f"{reason}, and partials _name.prompt")
            elif file in ("prompt.yml", "versions.yml", "version.yaml", "prompts.yaml", "lock.yaml"):
                self._told(self._path(file), 0, f"is not read{nearest(file, [META, LOCK])}")

    def _lock(self) -> ReadLock:
        """What was published. Lines that were there before, and are gone or altered, stay in force."""
        before: Mapping[int, Published] = {} if self._before is None else self._before.lock
        try:
            text = self._text(LOCK)
            found = NO_LOCK if text is None else read_lock(text)
        except DocumentError as error:
            self._told(error.file, error.line, error.reason)
            self._stands_in = self._stands_in or bool(before)
            return ReadLock(dict(before))
        for line, reason in order_problems(found):
            self._told(self._path(LOCK), line, reason)
        entries = dict(found.entries)
        for number, entry in before.items():
            now = entries.get(number)
            if now is not None and now.digest == entry.digest:
                continue
            what = "is gone" if now is None else "has another digest than it had"
            line = 0 if now is None else found.line(number)
            reason = f"the line of version {number} {what}; restore it: what is published stays as it is"
            self._told(self._path(LOCK), line, reason, number)
            self._stands_in = True
            entries[number] = entry
        return ReadLock(entries, found.document)

    def _version(self, number: int, lock: ReadLock) -> Version | None:
        entry = lock.entries[number]
        before = None if self._before is None else self._before.versions.get(number)
        file = f"{number}.prompt"
        try:
            text = self._text(file)
        except DocumentError as error:
            return self._refused(self._about(number, error.file, error.line, error.reason), entry, before)
        if text is None:
            reason = f"version {number} is published here, and its file {file} is not there; restore it"
            return self._refused(self._about(number, self._path(LOCK), lock.line(number), reason), entry, before)
        made = Version(self._name, number, entry, text.name, text.data, self._partials)
        if before is not None and made.same_as(before):
            self.problems += [] if before.problem is None else [before.problem]
            return before
        if not made.vouched() and (problem := made.verify()) is not None:
            return self._refused(problem, entry, before)
        return made

    def _refused(self, problem: Problem, entry: Published, before: Version | None) -> Version:
        """The version as it was, if that is what was published; else one that can only say what is wrong."""
        if before is not None and before.problem is None and before.digest == entry.digest:
            self._stands_in = True
            reason = f"{problem.reason}; until then this process serves what was published"
            self.problems.append(msgspec.structs.replace(problem, reason=reason))
            return before
        self.problems.append(problem)
        refused = Version(self._name, problem.version, entry, problem.file, b"", {})
        refused.refuse(problem)
        return refused

    def _unpublished(self, lock: ReadLock) -> None:
        for file in self._files:
            found = _NUMBERED.fullmatch(file)
            if found is None or (number := int(found[1])) in lock.entries:
                continue
            reason = f"version {number} is not published: `gateway prompts publish {self._name}` does that"
            self._told(self._path(file), 0, reason, number)
            data = self._files[file]
            if isinstance(data, DocumentError):
                continue
            problem = Version(self._name, number, None, self._path(file), data, self._partials).verify()
            if problem is not None:
                self.problems.append(problem)

    def _draft(self) -> Version | None:
        before = None if self._before is None else self._before.draft
        try:
            text = self._text(DRAFT_FILE)
        except DocumentError as error:
            self._told(error.file, error.line, error.reason)
            return None
        if text is None:
            return None
        made = Version(self._name, 0, None, text.name, text.data, self._partials)
        return before if before is not None and made.same_as(before) else made

    def _meta(self, versions: Mapping[int, Version]) -> Meta | None:
        before = None if self._before is None else self._before.meta
        try:
            text = self._text(META)
            if text is None and before is not None and before.restricted:
                # Half of a checkout, or a slip: as long as it lasts anybody could use what is for some.
                reason = "is gone, and it said who may use the prompt, or has to; restore it, or write one without that"
                raise DocumentError(self._path(META), 0, reason)
            if text is None:
                return Meta(name=self._name)
            meta, document = read_meta(self._name, text)
        except DocumentError as error:
            self._told(error.file, error.line, error.reason)
            self._stands_in = True
            return before
        wrong = [*_labels_on_nothing(meta, versions), *_missing_suites(meta, self._files)]
        for where, reason in wrong:
            self._told(text.name, document.line(where), reason)
        if any(where[0] == "labels" for where, _ in wrong) and before is not None:
            self._stands_in = True
            return before
        return meta


def _labels_on_nothing(meta: Meta, versions: Mapping[int, Version]) -> Iterator[tuple[tuple[str, str], str]]:
    for label, position in meta.pinned.items():
        for number in position.versions:
            if number not in versions:
                known = ", ".join(map(str, versions)) or "none"
                yield (
                    ("labels", label),
                    f"the label `{label}` stands on version {number}, which is not published; published: {known}",
                )


def _missing_suites(meta: Meta, files: Files) -> Iterator[tuple[tuple[str, str], str]]:
    for label, gate in meta.gates.items():
        if gate.suite not in files:
            yield ("gates", label), f"the gate of `{label}` needs the tests in {gate.suite}, which is not there"
