"""Answers kept from earlier runs, so that asking the same again costs nothing.

An answer is kept under what was asked (the request, the prompt's digest), which repeat it was, and the model that
served it: what a name such as `gpt-4o` stands for changes without a word. So the first question to each arm of a run
is always asked; if what serves it is another snapshot than before, what the former one said is not used.
"""

import hashlib
import logging
import time
from pathlib import Path

import msgspec

from gateway.compare.running.asking import Heard, Question
from gateway.stores.files import private_directory, write_private

_log = logging.getLogger("gateway.compare")
DAY_S = 86_400.0
KEEP_DAYS = 30.0


class _Kept(msgspec.Struct, frozen=True):
    at: float
    heard: Heard


class KeptAnswers:
    """One folder, one file an answer; safe for several runs at once, since files are only ever put there whole.

    Args:
        keep_days: older ones are not used, and go when the folder is opened.

    Attributes:
        any: whether some were there when it was opened.
    """

    def __init__(self, folder: Path, keep_days: float = KEEP_DAYS, now: float | None = None) -> None:
        self._folder = private_directory(folder)
        self._now = time.time() if now is None else now
        self._keep_s = keep_days * DAY_S
        # Of each arm's model, the snapshots that have been seen to serve it in this run.
        self._seen: dict[str, set[str]] = {}
        self.any = self._tidy()

    def get(self, question: Question) -> Heard | None:
        """The kept answer; None: there is none, or nobody knows yet who serves this arm now."""
        for snapshot in sorted(self._seen.get(_who(question), ())):
            path = self._path(question, snapshot)
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
                _log.warning("a kept answer is left aside, %s: %s", path, error)
                continue
            if self._now - kept.at <= self._keep_s:
                return kept.heard
        return None

    def put(self, question: Question, heard: Heard) -> None:
        """Keep it. A disk that does not take it is said once a time in the log, and harms no run."""
        if heard.sample is None:
            return
        snapshot = snapshot_of(heard)
        self._seen.setdefault(_who(question), set()).add(snapshot)
        path = self._path(question, snapshot)
        try:
            private_directory(path.parent)
            write_private(path, msgspec.json.encode(_Kept(self._now, heard)))
        except OSError as error:
            _log.warning("an answer is not kept: %s", error)

    def _path(self, question: Question, snapshot: str) -> Path:
        said = "\0".join((question.digest, str(question.repeat), snapshot))
        name = hashlib.sha256(said.encode()).hexdigest()
        return self._folder / name[:2] / f"{name}.json"

    def _tidy(self) -> bool:
        """Take away what is too old; whether anything is left."""
        left = False
        for path in self._folder.glob("??/*.json"):
            try:
                if self._now - path.stat().st_mtime > self._keep_s:
                    path.unlink()
                else:
                    left = True
            except OSError:
                continue
        return left


def snapshot_of(heard: Heard) -> str:
    """What served: the target, and the model as its answer names it."""
    model = "" if heard.sample is None else heard.sample.model
    return f"{heard.target} {model}"


def _who(question: Question) -> str:
    arm = question.arm
    return f"{arm.model}\0{arm.prompt}\0{arm.digest}"
