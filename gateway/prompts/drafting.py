"""Putting a draft into a prompt's folder: not over another one, and with what there is to say about it."""

from collections.abc import Mapping
from pathlib import Path

from gateway.core.faults import Conflict
from gateway.prompts.building import DRAFT_FILE
from gateway.prompts.writing import only_writer, replace_file


def check_no_draft(root: Path, name: str, *, overwrite: bool) -> None:
    """Raises:
    Conflict: there is a draft, and it is not to be overwritten.
    """
    draft = root / name / DRAFT_FILE
    if draft.exists() and not overwrite:
        what_to_do = f"publish it (`gateway prompts publish {name}`), take it away, or overwrite it (--overwrite)"
        raise Conflict(f"{draft} is there already; {what_to_do}", code="draft_exists")


def write_draft(root: Path, name: str, data: bytes, beside: Mapping[str, bytes], *, overwrite: bool) -> Path:
    """The draft of the prompt `name`, and files beside it, which come first: no draft stands there without them.

    Returns:
        Where the draft is.

    Raises:
        Conflict: as `check_no_draft`. OSError: it cannot be written.
    """
    with only_writer(root):
        check_no_draft(root, name, overwrite=overwrite)
        folder = root / name
        for file, content in beside.items():
            replace_file(folder / file, content)
        replace_file(folder / DRAFT_FILE, data)
    return folder / DRAFT_FILE
