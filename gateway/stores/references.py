"""References in a file that stand for what is kept elsewhere: secrets, mostly."""

import re
from collections.abc import Mapping
from pathlib import Path

REFERENCE = re.compile(r"\$\{(\w+):([^}]+)\}")
# What a shell would take for a variable, and this file does not.
_LIKE_REFERENCE = re.compile(r"\$(?:\w|\{)")


def substitute(text: str, environment: Mapping[str, str]) -> str:
    """`${env:NAME}` by the variable (empty if unset), `${file:/path}` by the file's text without its last line break.

    Raises:
        ValueError: an unknown kind of reference, or an unreadable file.
    """

    def value(found: re.Match[str]) -> str:
        kind, name = found.groups()
        if kind == "env":
            return environment.get(name, "")
        if kind == "file":
            try:
                return Path(name).read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"${{file:{name}}} cannot be read: {error}") from None
        raise ValueError(f"unknown reference `${{{kind}:…}}`; known: ${{env:NAME}}, ${{file:/path}}")

    found = _LIKE_REFERENCE.search(REFERENCE.sub("", text))
    if found is not None:
        raise ValueError(f"`{text[:40]}` is no reference; write ${{env:NAME}} or ${{file:/path}}")
    return REFERENCE.sub(value, text)


def variables(text: str | bytes) -> list[str]:
    """Names of environment variables that the text refers to."""
    text = text if isinstance(text, str) else text.decode(errors="replace")
    return [name for kind, name in REFERENCE.findall(text) if kind == "env"]
