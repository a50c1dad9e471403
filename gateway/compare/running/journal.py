"""What a run has done so far, on the disk: one line for each thing that has happened, appended as it happens.

    asking    this question is on its way, and so much money is put aside for it
    answered  this is what came
    graded    this is what it is worth, by these assertions; without an arm: a labelled answer
    compared  this is what the answers to one case are worth beside each other
    lost      a part of the run ended here with so much put aside for what was on its way

A run that is killed is gone on with from there. What had been answered is not asked again, unless what is asked has
changed since; what had been graded is not graded again, unless the assertions have. A question that was on its way
when the run was killed is asked again, or its answer graded again, and the money of that counts as spent.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.compare.grading import Grade
from gateway.compare.running.comparing import Contest
from gateway.compare.running.trials import Trial, cost_of
from gateway.stores.files import private_directory, sync_directory, write_private

FILE, HEAD = "journal.jsonl", "run.json"
FORMAT = 1
Key = tuple[str, str, int]


class JournalError(Exception):
    """The folder holds no run that could be gone on with. Says why, and what to do."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the run is. `id`: its own; `suite`: the suite's name; `began`: Unix seconds."""

    format: int = FORMAT
    id: str
    suite: str
    began: float


class Asking(msgspec.Struct, frozen=True, tag="asking", tag_field="kind"):
    """`key`: arm, case, repeat. `question`: the digest of what is asked. `nano`: put aside."""

    key: Key
    question: str
    nano: int


class Answered(msgspec.Struct, frozen=True, tag="answered", tag_field="kind"):
    """`trial`: without grades."""

    question: str
    trial: Trial


class GradesGiven(msgspec.Struct, frozen=True, tag="graded", tag_field="kind"):
    """`checks`: the digest of the assertions."""

    key: Key
    checks: str
    grades: tuple[Grade, ...]


class Compared(msgspec.Struct, frozen=True, tag="compared", tag_field="kind"):
    """`by`: the digest of the answers, and of what they were compared by. `grades`: of each arm that has an answer."""

    case: str
    repeat: int
    by: str
    grades: tuple[tuple[Grade, ...], ...]
    contests: tuple[Contest, ...]


class Lost(msgspec.Struct, frozen=True, tag="lost", tag_field="kind"):
    nano: int


Line = Asking | Answered | GradesGiven | Compared | Lost


class Done(msgspec.Struct, frozen=True):
    """A trial of an earlier part, with the digests of what was asked, and by what it was graded; `checks` is empty if
    it was not."""

    trial: Trial
    question: str
    checks: str


def key_of(trial: Trial) -> Key:
    return trial.arm, trial.case, trial.repeat


class Journal:
    """`with Journal(folder, head) as journal`. The folder is made if it is not there; one that holds a run already is
    gone on with, whatever `head` says.

    Attributes:
        head: of the run. done, labelled, compared: what earlier parts have finished; `labelled` by case, `compared` by
            case and repeat. lost: nano-units of questions whose answers were
            never written down.

    Raises:
        JournalError: it is not the journal of such a suite, or somebody else's run is at it now.
    """

    def __init__(self, folder: Path, head: Head) -> None:
        self._folder = folder
        self.head = head
        self._descriptor = -1
        self.done: Mapping[Key, Done] = {}
        self.labelled: Mapping[str, GradesGiven] = {}
        self.compared: Mapping[tuple[str, int], Compared] = {}
        self.lost = 0

    def __enter__(self) -> Self:
        private_directory(self._folder)
        path = self._folder / HEAD
        if path.exists():
            self.head = _read_head(path, self.head.suite)
        else:
            write_private(path, msgspec.json.encode(self.head))
            sync_directory(self._folder)
        self._descriptor = os.open(self._folder / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _lock(self._descriptor, self._folder)
            self._read()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def write(self, line: Line) -> None:
        """Append it in one write: a kill leaves all of it or a torn end, which the next part cuts off."""
        data = msgspec.json.encode(line) + b"\n"
        written = os.write(self._descriptor, data)
        while written < len(data):
            written += os.write(self._descriptor, data[written:])

    def _read(self) -> None:
        data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._descriptor, whole)
        read = _Read()
        for line in _lines(data[:whole], self._folder / FILE):
            read.take(line)
        self.done, self.labelled, self.compared = read.done, read.labelled, read.compared
        self.lost = read.lost
        if under_way := sum(read.under_way.values()):
            self.write(Lost(under_way))
            self.lost += under_way


class _Read:
    """The lines as they come to what they mean together."""

    def __init__(self) -> None:
        self.done: dict[Key, Done] = {}
        self.labelled: dict[str, GradesGiven] = {}
        self.compared: dict[tuple[str, int], Compared] = {}
        self.under_way: dict[Key, int] = {}
        self.lost = 0

    def take(self, line: Line) -> None:
        match line:
            case Asking():
                self.lost += self.under_way.pop(line.key, 0)
                self.under_way[line.key] = line.nano
            case Answered():
                key = key_of(line.trial)
                # What is left of it is for grades.
                for_grades = self.under_way.pop(key, 0) - (cost_of(line.trial) or 0)
                if line.trial.sample is not None and for_grades > 0:
                    self.under_way[key] = for_grades
                if key in self.done:  # asked anew, because what is asked had changed
                    self.lost += cost_of(self.done[key].trial) or 0
                self.done[key] = Done(line.trial, line.question, "")
            case GradesGiven():
                self._grades(line)
            case Compared():
                before = self.compared.get((line.case, line.repeat))
                self.lost += 0 if before is None else cost_of_comparing(before)
                self.compared[line.case, line.repeat] = line
            case Lost():
                self.lost += line.nano
                self.under_way.clear()

    def _grades(self, line: GradesGiven) -> None:
        arm, case, _ = line.key
        if not arm:
            before = self.labelled.get(case)
            self.lost += 0 if before is None else sum(grade.cost_nano for grade in before.grades)
            self.labelled[case] = line
        elif (found := self.done.get(line.key)) is not None:
            self.under_way.pop(line.key, None)
            self.lost += sum(grade.cost_nano for grade in found.trial.grades)
            graded = msgspec.structs.replace(found.trial, grades=line.grades)
            self.done[line.key] = Done(graded, found.question, line.checks)


def cost_of_comparing(line: Compared) -> int:
    """Nano-units."""
    return sum(grade.cost_nano for grades in line.grades for grade in grades)


def _lines(data: bytes, path: Path) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(Line)
    for number, line in enumerate(data.splitlines(), 1):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise JournalError(
                f"{path}:{number}: is not what a run writes ({error}); begin another with an empty folder"
            ) from None


def _read_head(path: Path, suite: str) -> Head:
    try:
        head = msgspec.json.decode(path.read_bytes(), type=Head)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalError(f"{path}: is not the head of a run ({error}); choose an empty folder") from None
    if head.format != FORMAT:
        raise JournalError(f"{path}: was written by another version of the gateway; choose an empty folder")
    if head.suite != suite:
        raise JournalError(f"{path}: is a run of the suite `{head.suite}`, not of `{suite}`; choose an empty folder")
    return head


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise JournalError(
            f"{folder}: another run is writing there now; wait for it, or choose another folder"
        ) from None
