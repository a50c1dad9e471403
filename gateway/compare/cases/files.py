"""Files that a file names with `file://`: of its own folder, and nothing else."""

import os
from pathlib import Path, PurePosixPath
from typing import Any, cast

from gateway.compare.grading.values import Wrong, shown
from gateway.stores.documents import Text, parse_document, read_text
from gateway.stores.jsonvalues import as_json
from gateway.stores.yamltree import DocumentError

PREFIX = "file://"
MAX_MATCHES = 1_000
_PARSED = (".json", ".yaml", ".yml")
_CODE = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".py", ".rb")


class Folder:
    """A folder, and what is in it and below. Links that lead out of it are not followed."""

    def __init__(self, path: Path) -> None:
        self._root = Path(os.path.realpath(path))

    def text(self, name: str) -> str:
        """The text of a file.

        Raises:
            Wrong: it stands elsewhere, cannot be read, or is no text.
        """
        try:
            return self.open(name).data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Wrong((), f"{shown(name)} is no text (UTF-8)") from None

    def open(self, name: str) -> Text:
        """Raises:
        Wrong: it stands elsewhere, or cannot be read.
        """
        try:
            text = read_text(self._within(name))
        except DocumentError as error:
            raise Wrong((), f"{shown(name)} {error.reason}") from None
        return Text(name, text.data)

    def content(self, name: str) -> Any:
        """A file's text; of JSON and YAML, what it says.

        Raises:
            Wrong: as `text`, for code, and for what is no JSON or YAML.
        """
        lower = name.lower()
        if lower.partition(":")[0].endswith(_CODE):
            raise Wrong((), f"{shown(name)} is code, which only a python assertion runs")
        if not lower.endswith(_PARSED):
            return self.text(name)
        text = self.open(name)
        try:
            return as_json(parse_document(text.data, text.name, cast(type[Any], Any)))
        except DocumentError as error:
            raise Wrong((), str(error)) from None

    def matching(self, pattern: str) -> list[str]:
        """The names of the files that a pattern (`*`, `?`, `**`) means, in order; a name without one is itself.

        Raises:
            Wrong: it means nothing, or files elsewhere.
        """
        if not any(letter in pattern for letter in "*?["):
            return [pattern]
        self._within(pattern)
        found: list[str] = []
        for path in sorted(self._root.glob(str(PurePosixPath(pattern)))):
            if path.is_file():
                found.append(path.relative_to(self._root).as_posix())
            if len(found) > MAX_MATCHES:
                raise Wrong((), f"{shown(pattern)} means more than {MAX_MATCHES} files")
        if not found:
            raise Wrong((), f"no file is meant by {shown(pattern)}")
        return found

    def _within(self, name: str) -> Path:
        if not name or "\x00" in name or name.startswith(("/", "~", "\\")) or ".." in PurePosixPath(name).parts:
            raise Wrong((), f"{shown(name)} is not in this folder; files are named from it, without `..`")
        path = self._root / name
        if not os.path.realpath(path).startswith(f"{self._root}{os.sep}"):
            raise Wrong((), f"{shown(name)} leads out of this folder")
        return path
