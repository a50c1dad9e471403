"""Under which names one thing can be said: a protocol's own, and those that engines which speak it read besides.

Whoever keeps one of them from a caller must keep them all: `n_predict` counts before `max_tokens` with llama.cpp,
`reasoning.effort` before `reasoning_effort` with OpenRouter, and Google reads `generation_config.top_p` as well.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from gateway.core.faults import BadRequest
from gateway.dialects.gemini.naming import camel, plain

Get = Callable[[str], object]
# `field`, or `field.member` of one whose members are said one by one.
Place = str
# Objects whose members are said one by one.
OBJECTS = frozenset({"text", "reasoning", "generationConfig", "output_config"})
_MOST = ("max_completion_tokens", "max_tokens", "max_output_tokens", "n_predict", "max_new_tokens")
_THINKING = ("reasoning_effort", "thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs")
_FORMS = (
    *("response_format", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"),
    *("grammar", "json_schema"),
)
_TOOLS = (
    *("tools", "functions", "mcp_servers", "plugins", "data_sources"),
    *("web_search_options", "search_parameters", "enable_search"),
)
_CALLED = ("tool_choice", "function_call")
_GOOGLES = tuple(
    f"generationConfig.{name}"
    for name in ("responseMimeType", "responseJsonSchema", "_responseJsonSchema", "responseSchema")
)
_ALIKE: Mapping[str, tuple[tuple[Place, ...], ...]] = {
    "chat": (_MOST, (*_THINKING, "reasoning"), _FORMS, _TOOLS, _CALLED),
    "responses": (_MOST, (*_THINKING, "reasoning.effort"), ("reasoning.summary", "reasoning.generate_summary"),
                  (*_FORMS, "text.format"), _TOOLS, _CALLED),
    "messages": (_MOST, (*_THINKING, "output_config.effort", "reasoning"),
                 (*_FORMS, "output_config.format", "output_format"), _TOOLS, _CALLED, ("stop_sequences", "stop")),
    "generate": (_GOOGLES,),
}  # fmt: skip
# A number under any of these names means the same.
SAME_UNDER_ANY_NAME = frozenset(_MOST)
_GROUPS: Mapping[str, Mapping[Place, tuple[Place, ...]]] = {
    protocol: {place: group for group in groups for place in group} for protocol, groups in _ALIKE.items()
}
_GOOGLE = ("generate", "generate-array")


def alike(protocol: str, place: Place) -> tuple[Place, ...]:
    """All places where what stands in this one can be said, itself among them."""
    groups = _GROUPS["generate" if protocol in _GOOGLE else protocol]
    return groups.get(place, (place,))


def places(said: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    """(place, value) of a body in a protocol's own spelling."""
    for name, value in said.items():
        if name in OBJECTS and isinstance(value, Mapping):
            yield from ((f"{name}.{member}", one) for member, one in cast(Mapping[str, Any], value).items())
        else:
            yield name, value


def fields_of(protocol: str, name: str) -> tuple[str, ...]:
    """The names under which a field is read, its own first."""
    if protocol not in _GOOGLE:
        return (name,)
    snake = "".join(f"_{one.lower()}" if one.isupper() else one for one in name)
    return (name,) if snake == name else (name, snake)


class Asked:
    """A caller's request. `get` gives its fields."""

    def __init__(self, protocol: str, get: Get) -> None:
        self._protocol, self._get = protocol, get

    def values(self, place: Place) -> list[tuple[str, Any]]:
        """(where, value) of what it says in a place; null is nothing.

        Raises:
            BadRequest: what has members is no object.
        """
        name, _, member = place.partition(".")
        found: list[tuple[str, Any]] = []
        for spelt in fields_of(self._protocol, name):
            if not member:
                found += [] if (own := self._get(spelt)) is None else [(spelt, own)]
                continue
            for key, value in self._object(spelt).items():
                if value is not None and self._member(key) == member:
                    found.append((f"{spelt}.{key}", value))
        return found

    def members(self, name: str) -> dict[str, Any]:
        """An object's members under the names of the protocol; of one that stands under two names, all."""
        found: dict[str, Any] = {}
        for spelt in fields_of(self._protocol, name):
            block = self._object(spelt)
            found = {**(plain(block) if self._protocol in _GOOGLE else block), **found}
        return found

    def _member(self, key: str) -> str:
        return camel(key) if self._protocol in _GOOGLE else key

    def _object(self, name: str) -> dict[str, Any]:
        value = self._get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise BadRequest(f"`{name}` must be an object", param=name)
        return cast(dict[str, Any], value)
