"""Keeping a call to what its permission asks for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

from gateway.core.call import Call, Fields
from gateway.core.faults import BadRequest
from gateway.core.model import Permit
from gateway.core.target import Target
from gateway.pipeline.estimate import OUTPUT_FIELDS

# Where a request says how much it may produce, if it says nothing yet. With chat completions it depends on the target;
# Gemini keeps it in an object.
_DEFAULT_FIELD: Mapping[str, str] = {
    "completions": "max_tokens",
    "responses": "max_output_tokens",
    "messages": "max_tokens",
}
_CONFIGS = ("generationConfig", "generation_config")


class Overridden:
    """A request's fields, some of them replaced by what policy wants."""

    def __init__(self, fields: Fields, changes: Mapping[str, object]) -> None:
        self._fields = fields
        self._changes = changes
        self.content_type = fields.content_type

    def get(self, name: str) -> object:
        return self._changes[name] if name in self._changes else self._fields.get(name)

    def encode(self, changes: Mapping[str, object], without: Collection[str] = ()) -> bytes:
        return self._fields.encode({**self._changes, **changes}, without)

    def decoded(self) -> dict[str, Any]:
        return {**self._fields.decoded(), **self._changes}

    def inline_data(self) -> tuple[int, int]:
        return self._fields.inline_data()


def oblige(call: Call, permits: Sequence[Permit], output_field: Callable[[Target], str]) -> None:
    """Change the call so that every target it may go to is content: the lowest cap of all, and nothing kept if one of
    them wants that.

    Raises:
        BadRequest: what it says of the answer's length is no number, and so cannot be held to one.
    """
    caps = [cap for one in permits if (cap := one.decision.obligations.max_output_tokens) is not None]
    told: list[str] = []
    if caps and (changes := capped(call, min(caps), output_field(permits[0].model.target))):
        call.fields = Overridden(call.fields, changes)
        told.append(f"max_output_tokens={min(caps)}")
    if any(one.decision.obligations.no_content for one in permits):
        call.keep_content = False
        told.append("no_content")
    if told:
        call.reply_headers["x-gateway-obligations"] = ", ".join(told)


def capped(call: Call, most: int, chat_field: str) -> dict[str, object]:
    """The fields that have to change so that an answer has at most so many tokens; empty if none."""
    fields, changes, said = call.fields, dict[str, object](), False
    for place in (None, *_CONFIGS):
        config = fields.get(place) if place else None
        inner: dict[str, object] = {**cast(Mapping[str, object], config)} if isinstance(config, Mapping) else {}
        for name in OUTPUT_FIELDS:
            value = fields.get(name) if place is None else inner.get(name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise BadRequest(f"`{name}` must be a whole number", param=name)
            said = True
            if 0 < value <= most:  # some upstreams take -1 for no end at all
                continue
            if place is None:
                changes[name] = most
            else:
                inner[name] = most
                changes[place] = inner
    name = call.operation.name
    if said:
        return changes
    if name == "generate":
        config = fields.get("generationConfig")
        kept: Mapping[str, object] = cast(Mapping[str, object], config) if isinstance(config, Mapping) else {}
        return {"generationConfig": {**kept, "maxOutputTokens": most}}
    default = chat_field if name == "chat" else _DEFAULT_FIELD.get(name)
    return {default: most} if default else {}
