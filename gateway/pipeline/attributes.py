"""What decisions look at of a request: read from its fields, whatever dialect it is written in."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, cast

import msgspec

from gateway.core.call import Call
from gateway.core.faults import BadRequest
from gateway.core.fields import Fields
from gateway.core.model import Attributes
from gateway.pipeline.estimate import SIZES, most_output

# Tools that the application itself runs; all other kinds are the provider's.
_OWN_TOOLS = frozenset({"function", "custom", "function_declarations"})
# Fields that switch on what a provider runs, and what that is called: an empty list brings nothing, while an empty
# object switches OpenAI's search on.
LISTED: Mapping[str, str] = {"mcp_servers": "mcp", "plugins": "plugins", "data_sources": "data_sources"}
SWITCHES: Mapping[str, str] = {
    "web_search_options": "web_search",
    "search_parameters": "web_search",
    "enable_search": "web_search",
}
_BRINGING = frozenset(("tools", "functions", *LISTED, *SWITCHES))
_LOOKED_AT = _BRINGING | SIZES
# Versions of a kind: Anthropic's and OpenAI's dates, and previews.
_VERSION = re.compile(r"(_preview)?(_\d{8}|_\d{4}_\d{2}_\d{2})?$")
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
_KIND = re.compile(r"[a-z0-9_.:/-]{1,64}")
MAX_KINDS = 32
# What the provider keeps and a request only names: a cached content at Google. It brings tools of its own, and nobody
# here sees which.
STORED = "stored_context"
_STORED: Mapping[str, tuple[str, ...]] = {"generate": ("cachedContent", "cached_content")}
_encode = msgspec.json.Encoder().encode


def attributes_of(call: Call, data_class: str) -> Attributes:
    """The request's attributes; `data_class` is what it counts as.

    Raises:
        BadRequest: they are no request's.
    """
    fields = call.fields
    tools, hosted = False, ()
    sizes = fields.among(_LOOKED_AT)
    if bringing := _BRINGING.intersection(sizes):
        sizes = sizes - bringing
    if bringing and _brings_tools(fields, bringing):
        tools, hosted = True, tuple(sorted(_hosted(fields, google=call.operation.dialect == "gemini")))
    for name in _STORED.get(call.operation.name, ()):
        if fields.get(name) is not None:
            tools, hosted = True, tuple(sorted({*hosted, STORED}))
    return Attributes(
        data_class=data_class,
        stream=call.stream,
        max_output_tokens=most_output(call, sizes),
        tools=tools,
        hosted_tools=hosted,
        prompt=call.record.prompt_id.partition("@")[0],
    )


def _brings_tools(fields: Fields, named: AbstractSet[str]) -> bool:
    for name in named:
        value = fields.get(name)
        if value not in (None, False) if name in SWITCHES else value:
            return True
    return False


def _hosted(fields: Fields, *, google: bool) -> set[str]:
    """Raises:
    BadRequest: more kinds than there are: what is remembered and recorded of a request is bounded.
    """
    found = {kind for name, kind in LISTED.items() if fields.get(name)}
    found |= {kind for name, kind in SWITCHES.items() if fields.get(name) not in (None, False)}
    tools = fields.get("tools")
    if fields.unclear({"tools": tools}):
        raise BadRequest("a tool has a name twice; upstreams differ in which of the two they read", param="tools")
    for tool in cast(list[Any], tools) if isinstance(tools, list) else ():
        if isinstance(tool, Mapping):
            words = cast(Mapping[str, Any], tool)
            kinds = {_plain(word) for word in (list(words) if google else _kinds(words))}
            found |= kinds - _OWN_TOOLS
        if len(found) > MAX_KINDS:
            raise BadRequest(f"`tools` names more than {MAX_KINDS} kinds of hosted tools", param="tools")
    return found


def _kinds(tool: Mapping[str, Any]) -> list[str]:
    """OpenAI and Anthropic say a tool's kind (Google makes it the key); those of one's own need not say it."""
    kind = tool.get("type")
    return [kind] if isinstance(kind, str) else [] if "input_schema" in tool else list(tool)


def _plain(kind: str) -> str:
    """One word for all spellings of a kind: `googleSearch`, `web_search_20250305`, `web_search_preview_2025_03_11`."""
    word = _VERSION.sub("", _HUMP.sub(r"_\1", kind[:100]).lower(), count=1)
    return word if _KIND.fullmatch(word) else "other"


@lru_cache(maxsize=4096)
def attributes_text(attributes: Attributes) -> str:
    """The attributes as a record keeps them, beside the class of data; empty if there is nothing to tell."""
    plain = msgspec.structs.replace(attributes, data_class="")
    text = _encode(plain).decode()
    return "" if text == "{}" else text
