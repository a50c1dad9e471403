"""One more exchange at the end of a request: what was answered, and what is said to that."""

from collections.abc import Callable, Mapping
from typing import Any, cast


def exchanged(
    protocol: str, get: Callable[[str], object], answered: str, said: str
) -> Mapping[str, list[dict[str, Any]]] | None:
    """The field that changes, as it is then; None for protocols that hold no conversation. `get`: a field of the
    request; `answered`: the model's whole text; `said`: the user's.
    """
    field = _FIELDS.get(protocol)
    before = None if field is None else get(field)
    if protocol == "responses" and isinstance(before, str):
        before = [{"role": "user", "content": before}]
    if field is None or not isinstance(before, list):
        return None
    turns = [_turn(protocol, "assistant", answered), _turn(protocol, "user", said)]
    return {field: [*cast(list[dict[str, Any]], before), *turns]}


_FIELDS = {"chat": "messages", "messages": "messages", "responses": "input", "generate": "contents"}


def _turn(protocol: str, role: str, text: str) -> dict[str, Any]:
    if protocol == "generate":
        return {"role": "model" if role == "assistant" else role, "parts": [{"text": text}]}
    return {"role": role, "content": text}
