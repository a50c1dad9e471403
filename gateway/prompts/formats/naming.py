"""Names and labels that others gave, as those of prompts and of partials."""

import re

from gateway.prompts.formats.converted import Notes
from gateway.prompts.naming import LATEST, MAX_NAME, why_no_label

_OTHER = re.compile(r"[^a-z0-9._/+-]+")


def prompt_name(given: str, path: str, notes: Notes) -> str:
    """Lower case, with `-` for what may not be in a path; `/` stays, for folders. `given` itself, where it is one."""
    parts = [_OTHER.sub("-", part.lower()).strip("-.+_ ") for part in given.split("/")]
    name = "/".join(part for part in parts if part)[:MAX_NAME].rstrip("/-.")
    if not name:
        notes.refuse(path, given, "makes no name; give one with --name")
        return "prompt"
    if name != given:
        notes.note(path, given, f"becomes the name `{name}`")
    return name


def partial_name(name: str, which: str = "") -> str:
    """Of a file `_name.prompt`; `which`: the version or the label that is meant, if there are others."""
    parts = [name.lower(), which.lower()] if which else [name.lower()]
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part).strip("-") or "x" for part in parts)


def usable_label(label: object, path: str, notes: Notes) -> bool:
    """Whether it can be one here. `latest` is no loss: it is the newest version's everywhere."""
    if label == LATEST:
        return False
    why = why_no_label(label) if isinstance(label, str) else "is no label"
    if why:
        notes.note(path, label, f"{why}; it is left out")
    return not why
