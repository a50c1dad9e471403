"""Variables as callers send them, as the plain values that templates take."""

from collections.abc import Mapping
from typing import Any, cast

from gateway.core.faults import BadRequest

# Of OpenAI's prompt object: a text, or a part of a message; the field of it that a template is given.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "input_text": ("text",),
    "input_image": ("image_url",),
    "input_file": ("file_url", "file_data"),
}


def plain_values(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The values; of a part (`{type: input_image, image_url}`) its text or URL.

    Raises:
        BadRequest: a part of an unknown kind, or one that only OpenAI could look up.
    """
    return {name: _plain(value, f"prompt.variables.{name[:100]}") for name, value in variables.items()}


def _plain(value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        return value
    part = cast(Mapping[str, Any], value)
    kind = part.get("type")
    if not isinstance(kind, str) or not kind.startswith("input_"):
        return part
    if kind not in _PARTS:
        raise BadRequest(f"`{where}.type` is one of {', '.join(_PARTS)}", param=f"{where}.type")
    for field in _PARTS[kind]:
        said = part.get(field)
        if isinstance(said, str) and said:
            return said
    raise BadRequest(
        f"`{where}` has no {' or '.join(_PARTS[kind])}; files kept at OpenAI cannot be looked up here", param=where
    )
