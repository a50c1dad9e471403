"""Names that others gave, as names of prompts and of partials."""

import re

from gateway.prompts.formats.converted import Notes

_OTHER = re.compile(r"[^a-z0-9._/+-]+")
MAX_NAME = 255


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
