"""versions.yaml: what was published, one line a version, in order. Lines are only ever appended, by publishing."""

import re

import msgspec

from gateway.prompts.document import Lock, Published
from gateway.stores.documents import Document, Text, load_document

FILE = "versions.yaml"


class ReadLock(msgspec.Struct, frozen=True):
    """`entries`: by number, in the order of the file."""

    entries: dict[int, Published]
    document: Document[Lock] | None = None

    def line(self, number: int) -> int:
        """Where a version's line is."""
        return 0 if self.document is None else self.document.line((str(number),))


NO_LOCK = ReadLock({})


def read_lock(text: Text) -> ReadLock:
    """Raises:
    DocumentError: it cannot be read, or a version stands twice.
    """
    document: Document[Lock] = load_document(text, Lock)  # type: ignore[arg-type]
    return ReadLock({int(number): entry for number, entry in document.value.items()}, document)


def lock_line(number: int, entry: Published) -> str:
    """A version's line."""
    written = f"digest: {entry.digest}, at: {entry.at}, by: {quoted(entry.by)}, message: {quoted(entry.message)}"
    if entry.after is not None:
        written += f", after: {entry.after}"
    if entry.source is not None:
        written += f", source: {entry.source}"
    if entry.partials:
        partials = ", ".join(f"{quoted(name)}: {digest}" for name, digest in sorted(entry.partials.items()))
        written += f", partials: {{{partials}}}"
    return f"{number}: {{{written}}}\n"


def order_problems(lock: ReadLock) -> list[tuple[int, str]]:
    """(line, what is wrong with the order of the versions)."""
    found: list[tuple[int, str]] = []
    highest = 0
    for number in lock.entries:
        if number < highest:
            reason = f"version {number} stands behind version {highest}; lines are only appended"
            found.append((lock.line(number), reason))
        highest = max(highest, number)
    before = 0
    for number, entry in sorted(lock.entries.items()):
        if number > before + 1 and entry.after != before:  # else nothing was ever between
            first, last = before + 1, number - 1
            missing = f"version {first} is" if first == last else f"versions {first} to {last} are"
            found.append((lock.line(number), f"{missing} missing before version {number}; no line is ever taken out"))
        before = number
    return found


def quoted(text: str) -> str:
    """A text of YAML and of JSON alike: YAML takes some characters for ends of lines, and some not at all."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.encode(text).decode())


_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
