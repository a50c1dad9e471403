"""promptfoo's prompt files (promptfoo.dev/docs/configuration/prompts): texts, divided by lines of `---`, and chats as
JSON or YAML. Their templates are Nunjucks, which is read as Jinja."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.prompts.formats.chat import read_chat
from gateway.prompts.formats.converted import Converted, Notes
from gateway.prompts.formats.drafts import Draft, Free, Version, files_of, first
from gateway.prompts.formats.files import File, read_json
from gateway.prompts.formats.jinja import read_jinja
from gateway.prompts.formats.naming import prompt_name
from gateway.prompts.formats.pieces import Piece
from gateway.prompts.formats.untyped import at, items
from gateway.stores.yamltree import DocumentError, build

_TEXTS = frozenset({"txt", "md", "j2"})


def import_promptfoo(files: Sequence[File], *, name: str = "", free: Free = first) -> Converted:
    """A prompt for each text or chat, named after its file; several in one file are numbered.

    Args:
        name: of the prompt, or of all of them before the number. free: the number that its version gets.

    Raises:
        ConversionError: with every line and construct that a `.prompt` file cannot say.
    """
    notes = Notes(files[0].path if len(files) == 1 else "promptfoo")
    drafts: list[Draft] = []
    for file in files:
        found = list(_Reader(file, notes).versions())
        called = name or prompt_name(file.stem, "name", notes)
        if not found:
            notes.refuse(file.path, "", "holds no prompt")
        for index, version in enumerate(found, 1):
            one = called if len(found) == 1 else f"{called}-{index}"
            version.number = free(one)
            drafts.append(Draft(name=one, versions=[version]))
    if len({draft.name for draft in drafts}) < len(drafts):
        notes.refuse("name", ", ".join(draft.name for draft in drafts), "several files would make the same prompt")
    return files_of(drafts, notes)


class _Reader:
    def __init__(self, file: File, notes: Notes) -> None:
        self._file, self._notes = file, notes
        self._kind = file.name.rpartition(".")[2].lower()

    def versions(self) -> Iterator[Version]:
        if self._kind in _TEXTS:
            yield from self._texts()
            return
        found = self._data()
        chats = [found] if _is_chat(found) else items(found)
        for index, chat in enumerate(chats):
            path = "" if len(chats) == 1 else f"[{index}]"
            if isinstance(chat, str):
                yield self._version(chat, 1, path)
            elif _is_chat(chat):
                yield self._chat(items(chat), path)
            else:
                self._notes.refuse(path or "file", chat, "is neither a text nor a list of messages")

    def _texts(self) -> Iterator[Version]:
        lines = self._file.text.replace("\r\n", "\n").split("\n")
        ends = [index for index, line in enumerate(lines) if line.strip() == "---"]
        for start, end in zip([0, *(end + 1 for end in ends)], [*ends, len(lines)], strict=True):
            text = "\n".join(lines[start:end])
            before = len(text) - len(text.lstrip())
            if text.strip():
                yield self._version(text.strip(), start + 1 + text.count("\n", 0, before), "")

    def _version(self, text: str, first_line: int, path: str) -> Version:
        template = read_jinja(text, self._notes, first_line, path=path)
        return self._made(template.pieces, dict(template.defaults))

    def _chat(self, messages: list[Any], path: str) -> Version:
        defaults: dict[str, Any] = {}

        def text(text: str, where: str) -> Sequence[Piece]:
            template = read_jinja(text, self._notes, path=where)
            defaults.update(template.defaults)
            return template.pieces

        return self._made(read_chat(messages, at(path, ""), self._notes, text), defaults)

    def _made(self, pieces: tuple[Piece, ...], defaults: dict[str, Any]) -> Version:
        message = f"Imported from {self._file.name}"
        return Version(number=1, pieces=pieces, asks=False, defaults=defaults, message=message)

    def _data(self) -> Any:
        """Raises: ConversionError: another kind of file, or not what its name says."""
        if self._kind == "json":
            return read_json(self._file, self._notes)
        if self._kind not in ("yaml", "yml"):
            raise self._notes.error("file", self._kind, "is no kind of file that is read: txt, md, j2, json, yaml")
        try:
            return build(self._file.text.encode(errors="replace"), self._file.path)[0]
        except DocumentError as error:
            raise self._notes.error(f"line {error.line}", "", error.reason) from None


def _is_chat(value: Any) -> bool:
    return bool(items(value)) and all(isinstance(one, dict) and "role" in one for one in items(value))
