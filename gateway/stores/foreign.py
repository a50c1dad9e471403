"""YAML that others wrote: the front matter of a README, results of evaluations. Nobody here can mend it, so it is read
with more patience than declared files, and with no more trust. Every scalar is text: what it means is for the reader to
say, and `no` is a language.
"""

from typing import Any, cast

import yaml

MAX_BYTES = 4 * 1024 * 1024


def read_foreign(text: bytes) -> Any:
    """Maps, lists and texts. An empty value is an empty text; of a key that stands twice, the last counts.

    Raises:
        ValueError: too large, not YAML, or with aliases (a small file can say terabytes with them).
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES} bytes")
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, loader)):
            raise ValueError("uses YAML aliases")
        return cast(Any, yaml.load(text, loader))  # noqa: S506  the base loader makes nothing but texts
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise ValueError(
            f"is not valid YAML: {str(error).splitlines()[0] if str(error) else 'nested too deeply'}"
        ) from None


def front_matter(text: bytes) -> dict[str, Any]:
    """The map between the two `---` lines that a README begins with; empty if there is none.

    Raises:
        ValueError: as `read_foreign`.
    """
    lines = text.removeprefix(b"\xef\xbb\xbf").splitlines()
    if not lines or lines[0].rstrip() != b"---":
        return {}
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == b"---"), 0)
    found = read_foreign(b"\n".join(lines[1:end])) if end else None
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}
