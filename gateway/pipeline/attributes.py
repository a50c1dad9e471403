"""What decisions look at of a request: read from its fields, whatever dialect it is written in."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec

from gateway.core.call import Call, Fields
from gateway.core.model import Attributes
from gateway.pipeline.estimate import most_output

# Tools that the application itself runs; all other kinds are the provider's.
_OWN_TOOLS = frozenset({"function", "custom", "functionDeclarations", "function_declarations"})
# No answer is longer; what is told of one is kept within what JSON and CEL can hold.
MOST = 2**53
_DATED = re.compile(r"_\d{8}$")
_encode = msgspec.json.Encoder().encode


def attributes_of(call: Call, data_class: str) -> Attributes:
    """The request's attributes; `data_class` is what it counts as."""
    fields = call.fields
    tools, hosted = False, ()
    if _brings_tools(fields):
        tools, hosted = True, tuple(sorted(set(_hosted(fields))))
    return Attributes(
        data_class=data_class,
        stream=call.stream,
        max_output_tokens=min(most_output(call), MOST),
        tools=tools,
        hosted_tools=hosted,
    )


def _brings_tools(fields: Fields) -> bool:
    """An empty list brings none; an empty object switches OpenAI's search on."""
    listed = any(fields.get(name) for name in ("tools", "functions", "mcp_servers"))
    return listed or fields.get("web_search_options") is not None


def _hosted(fields: Fields) -> Iterator[str]:
    if fields.get("mcp_servers"):
        yield "mcp"
    if fields.get("web_search_options") is not None:
        yield "web_search"
    found = fields.get("tools")
    for tool in cast(list[Any], found) if isinstance(found, list) else ():
        if not isinstance(tool, Mapping):
            continue
        words = cast(Mapping[str, Any], tool)
        kind = words.get("type")
        # OpenAI and Anthropic say a tool's kind, Google makes it the key; Anthropic's own tools have dates.
        kinds = [kind] if isinstance(kind, str) else [] if "input_schema" in words else list(words)
        yield from (_DATED.sub("", one) for one in kinds if one not in _OWN_TOOLS)


@lru_cache(maxsize=4096)
def _text(attributes: Attributes) -> str:
    plain = msgspec.structs.replace(attributes, data_class="")
    text = _encode(plain).decode()
    return "" if text == "{}" else text


def attributes_text(attributes: Attributes) -> str:
    """The attributes as a record keeps them, beside the class of data; empty if there is nothing to tell."""
    return _text(attributes)
