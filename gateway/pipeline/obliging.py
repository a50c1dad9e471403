"""Keeping a call to what its permission asks for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, cast

from gateway.core.call import Call
from gateway.core.faults import BadRequest
from gateway.core.fields import Fields
from gateway.core.model import NOTHING, Obligations, Permit
from gateway.pipeline.estimate import CONFIGS, OUTPUT_FIELDS, most_choices

# Where a request says how much it may produce. With chat completions it depends on the target; Gemini keeps it in an
# object. What other operations produce is no text.
_FIELD: Mapping[str, str] = {
    "completions": "max_tokens",
    "responses": "max_output_tokens",
    "messages": "max_tokens",
}
_CHAT_FIELDS = ("max_completion_tokens", "max_tokens")
_INNER_FIELDS = ("maxOutputTokens", "max_output_tokens")


class Overridden:
    """A request's fields, some of them replaced by what policy wants; None for those that it wants left out."""

    def __init__(self, fields: Fields, changes: Mapping[str, object]) -> None:
        self._fields = fields
        self._changes = {name: value for name, value in changes.items() if value is not None}
        self._without = changes.keys() - self._changes.keys()
        self.content_type = fields.content_type

    def get(self, name: str) -> object:
        if name in self._without:
            return None
        return self._changes[name] if name in self._changes else self._fields.get(name)

    def among(self, names: frozenset[str]) -> AbstractSet[str]:
        return (self._fields.among(names) - self._without) | (self._changes.keys() & names)

    def besides(self, names: frozenset[str]) -> AbstractSet[str]:
        return (self._fields.besides(names) - self._without) | (self._changes.keys() - names)

    def encode(self, changes: Mapping[str, object], without: Collection[str] = ()) -> bytes:
        return self._fields.encode({**self._changes, **changes}, {*without, *self._without})

    def decoded(self) -> dict[str, Any]:
        found = {**self._fields.decoded(), **self._changes}
        return {name: value for name, value in found.items() if name not in self._without}

    def unclear(self, values: Mapping[str, object]) -> str:
        return self._fields.unclear({name: value for name, value in values.items() if name not in self._changes})

    def mentions(self, name: str, words: Collection[bytes]) -> bool:
        return name in self._changes or (name not in self._without and self._fields.mentions(name, words))

    def inline_data(self) -> tuple[int, int]:
        return self._fields.inline_data()


def oblige(call: Call, permits: Sequence[Permit], output_field: Callable[[Sequence[Permit]], str]) -> None:
    """Change the call so that every target it may go to is content: the lowest cap of all, and nothing kept if one of
    them wants that, neither here nor at the provider.

    Raises:
        BadRequest: what it says of the answer's length is no number, and so cannot be held to one, or it asks for more
            answers than the cap has tokens.
    """
    obliged: list[Obligations] = []
    for one in permits:
        if (wanted := one.decision.obligations) is not NOTHING:
            obliged.append(wanted)
    if not obliged:
        return
    caps = [cap for wanted in obliged if (cap := wanted.max_output_tokens) is not None]
    changes: dict[str, object] = {}
    told: list[str] = []
    if caps and (changes := capped(call, min(caps), output_field(permits))):
        told.append(f"max_output_tokens={min(caps)}")
    if any(wanted.no_content for wanted in obliged):
        call.keep_content = False
        told.append("no_content")
        if call.operation.name == "responses" or call.fields.get("store") is not None:
            changes["store"] = False
    if changes:
        call.fields = Overridden(call.fields, changes)
    if told:
        call.record.obligations = call.reply_headers["x-gateway-obligations"] = ", ".join(told)


def capped(call: Call, most: int, chat_field: str) -> dict[str, object]:
    """The fields that have to change so that an answer, all its choices together, has at most so many tokens; None for
    one to leave out. Empty if none has to.

    Whatever field says it, none may say more, and the one that counts for the operation must say it. `chat_field`: the
    one that counts with chat completions.
    """
    name, fields = call.operation.name, call.fields
    if name not in ("chat", "generate") and name not in _FIELD:
        return {}
    if (most := most // most_choices(call)) < 1:
        raise BadRequest("the request asks for more answers than it may have tokens", param="n")
    changes = _lowered(fields.get, most)
    for place in CONFIGS:
        config = fields.get(place)
        if isinstance(config, Mapping):
            inner = cast(Mapping[str, object], config)
            lower = _lowered(inner.get, most)
            if name == "generate" and all(inner.get(field) is None for field in _INNER_FIELDS):
                lower["maxOutputTokens"] = most
            if lower:
                changes[place] = {**inner, **lower}
    if name == "generate":
        if not any(isinstance(fields.get(place), Mapping) for place in CONFIGS):
            changes["generationConfig"] = {"maxOutputTokens": most}
        return changes
    counts = chat_field if name == "chat" else _FIELD[name]
    if fields.get(counts) is None:
        changes[counts] = most
        # Upstreams of either field ignore the other, or refuse both at once.
        for other in _CHAT_FIELDS if name == "chat" else ():
            if other != counts and fields.get(other) is not None:
                changes[counts] = changes.get(other, fields.get(other))
                changes[other] = None
    return changes


def _lowered(get: Callable[[str], object], most: int) -> dict[str, object]:
    """Those of the fields that ask for more, or for no limit, as a number below 1 does with some upstreams."""
    changes: dict[str, object] = {}
    for name in OUTPUT_FIELDS:
        value = get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadRequest(f"`{name}` must be a whole number", param=name)
        if not 0 < value <= most:
            changes[name] = most
    return changes
