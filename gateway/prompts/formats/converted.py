"""What a conversion comes to: files, and notes about all that did not pass as it was; or a refusal."""

from collections.abc import Mapping, Sequence

import msgspec


class Note(msgspec.Struct, frozen=True, order=True):
    """Something in a source that a person should know about.

    Attributes:
        path: where, as the source is read: `line 12`, or `versions[0].config.tools[1]`.
        what: the construct or the value, shortened. why: what became of it, or why nothing could.
    """

    path: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}: {self.why}" if self.what else f"{self.path}: {self.why}"


class NewVersion(msgspec.Struct, frozen=True):
    """A version among the files, to be published. `message`: what is new in it, as its source says."""

    name: str
    number: int
    message: str = ""


class Converted(msgspec.Struct, frozen=True):
    """Attributes:
    files: relative path → text. notes: what was left out, renamed or assumed, in the source's order.
    versions: in the order of their numbers; empty for exports.
    """

    files: Mapping[str, str]
    notes: Sequence[Note] = ()
    versions: Sequence[NewVersion] = ()


class ConversionError(Exception):
    """A source that cannot be said in the other format. `reasons` are all that were found, not only the first."""

    def __init__(self, source: str, reasons: Sequence[Note]) -> None:
        super().__init__("\n".join(f"{source}: {reason}" for reason in reasons))
        self.source = source
        self.reasons = tuple(reasons)


class Notes:
    """Notes and refusals of one conversion, collected while it goes on."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.notes: list[Note] = []
        self.refused: list[Note] = []

    def note(self, path: str, what: object, why: str) -> None:
        """Says it once, however often it is met."""
        _add(self.notes, Note(path, shortened(what), why))

    def refuse(self, path: str, what: object, why: str) -> None:
        """The source will be refused when it has been read to its end, with everything that stands in the way."""
        _add(self.refused, Note(path, shortened(what), why))

    def error(self, path: str, what: object, why: str) -> ConversionError:
        """For what makes it useless to read on."""
        return ConversionError(self.source, [*self.refused, Note(path, shortened(what), why)])

    def check(self) -> None:
        """Raises: ConversionError: something was refused."""
        if self.refused:
            raise ConversionError(self.source, self.refused)


def shortened(what: object) -> str:
    """One printable line: what others wrote must not run over a terminal."""
    text = " ".join(str(what).split())
    text = "".join(each if each.isprintable() else "�" for each in text)
    return text if len(text) <= 80 else text[:79] + "…"


def _add(notes: list[Note], note: Note) -> None:
    if note not in notes:
        notes.append(note)
