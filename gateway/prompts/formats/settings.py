"""How models are set: what OpenAI's two APIs, Langfuse and Prompty call it, and a `.prompt` file.

`config` of a `.prompt` file has Genkit's names (`maxOutputTokens`) where there are such, and else those of OpenAI's
requests (`reasoning`, `tool_choice`), which are what it is sent as.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.untyped import at, is_list, is_mapping, items, mapping

# Name in a `.prompt` file: its name in chat completions, in responses ("" where there is none), and in Prompty.
NAMES: Mapping[str, tuple[str, str, str]] = {
    "temperature": ("temperature", "temperature", "temperature"),
    "maxOutputTokens": ("max_tokens", "max_output_tokens", "maxOutputTokens"),
    "topP": ("top_p", "top_p", "topP"),
    "topK": ("top_k", "", "topK"),
    "stopSequences": ("stop", "", "stopSequences"),
    "frequencyPenalty": ("frequency_penalty", "", "frequencyPenalty"),
    "presencePenalty": ("presence_penalty", "", "presencePenalty"),
    "seed": ("seed", "", "seed"),
}
_OTHERS = {
    "max_completion_tokens": "maxOutputTokens", "maxTokens": "maxOutputTokens", "stop_sequences": "stopSequences",
}  # fmt: skip
_CANONICAL = {name: own for own, names in NAMES.items() for name in (own, *names) if name} | _OTHERS
_OF_CALLS = frozenset(
    {
        *("stream", "stream_options", "messages", "input", "instructions", "prompt", "store", "background", "include"),
        *("truncation", "metadata", "user", "safety_identifier", "prompt_cache_key", "previous_response_id"),
        *("conversation", "n", "logprobs", "top_logprobs", "logit_bias", "service_tier"),
    }
)
FORMAT = "openai.textFormat"
TOOLS = "openai.tools"


class Settings(msgspec.Struct):
    """Attributes:
    tools: `toolDefs`. output: `format` and `schema`. ext: dotted keys, for what `.prompt` files have no word for.
    """

    model: str = ""
    config: dict[str, Any] = {}
    tools: list[dict[str, Any]] = []
    output: dict[str, Any] = {}
    ext: dict[str, Any] = {}


def read_settings(given: Mapping[str, Any], path: str, notes: Notes) -> Settings:
    """Of a request, or of a part of one, in the words of either of OpenAI's APIs."""
    made = Settings()
    for name, value in given.items():
        where = at(path, name)
        if value is None:
            continue
        if name in _OF_CALLS:
            notes.note(where, value, "belongs to a call, and is left out")
        elif name == "model":
            made.model = str(value)
        elif name == "tools":
            _tools(value, where, made, notes)
        elif name == "response_format":
            _format({**mapping(value), **mapping(mapping(value).get("json_schema"))}, where, made, notes)
        elif name == "text" and is_mapping(value):
            rest = dict(mapping(value))
            _format(mapping(rest.pop("format", None)), at(where, "format"), made, notes)
            made.config.update({"text": rest} if rest else {})
        else:
            _setting(name, value, where, made, notes)
    made.config = without_nothing(made.config, path, notes)
    return made


def _setting(name: str, value: Any, where: str, made: Settings, notes: Notes) -> None:
    own = _CANONICAL.get(name, name)
    if own == "stopSequences" and isinstance(value, str):
        value = [value]
    if own in made.config and made.config[own] != value:
        notes.note(where, value, f"says something else than what was read as `{own}` before, and is left out")
        return
    made.config[own] = value


def _tools(value: Any, where: str, made: Settings, notes: Notes) -> None:
    others: list[Any] = []
    for index, tool in enumerate(items(value) if is_list(value) else [value]):
        said, place = mapping(tool), at(where, f"[{index}]")
        function = mapping(said.get("function", said)) if said.get("type", "function") == "function" else {}
        if not isinstance(function.get("name"), str):
            others.append(tool)
            notes.note(place, tool, f"is no function; it is kept as `{TOOLS}`, and not sent")
            continue
        definition = {
            "name": function["name"],
            "description": function.get("description"),
            "inputSchema": function.get("parameters"),
            "strict": function.get("strict"),
        }
        made.tools.append(without_nothing(definition, place, notes))
    if others:
        made.ext[TOOLS] = others


def _format(value: Mapping[str, Any], where: str, made: Settings, notes: Notes) -> None:
    kind = value.get("type", "text")
    if kind == "json_object":
        made.output = {"format": "json"}
    elif kind == "json_schema" and isinstance(value.get("schema"), dict):
        made.output = {"format": "json", "schema": without_nothing(value["schema"], at(where, "schema"), notes)}
        said = {key: value[key] for key in ("name", "description", "strict") if value.get(key) is not None}
        made.ext.update({FORMAT: said} if said else {})
    elif kind != "text":
        notes.note(where, value, "is no format that is known here, and is left out")


def without_nothing(value: Any, path: str, notes: Notes) -> Any:
    """Without keys that have no value: declared files may not have such. Those that mean something are told."""
    if isinstance(value, Mapping):
        kept: dict[str, Any] = {}
        for key, inner in cast("Mapping[str, Any]", value).items():
            if inner is not None:
                kept[key] = without_nothing(inner, at(path, key), notes)
            elif key in ("default", "const"):
                notes.note(at(path, key), "null", "is left out: a declared file has no key without a value")
        return kept
    if isinstance(value, list | tuple):
        return [without_nothing(inner, path, notes) for inner in cast("Sequence[Any]", value)]
    return value


API = Literal["chat", "responses"]


def write_settings(settings: Settings, api: API, notes: Notes) -> dict[str, Any]:
    """In the words of one of OpenAI's APIs."""
    made: dict[str, Any] = {"model": settings.model} if settings.model else {}
    place = 0 if api == "chat" else 1
    for own, value in settings.config.items():
        name = NAMES[own][place] if own in NAMES else own
        if not name:
            notes.note(at("config", own), value, "has no counterpart in OpenAI's responses API, and is left out")
            continue
        made[name] = value
    if tools := [*_functions(settings.tools, api), *settings.ext.get(TOOLS, ())]:
        made["tools"] = tools
    written = _written_format(settings)
    if written and api == "chat":
        inner = {key: value for key, value in written.items() if key != "type"}
        made["response_format"] = {"type": written["type"]} | ({"json_schema": inner} if inner else {})
    elif written:
        made["text"] = {"format": written, **mapping(made.get("text"))}
    return made


def _functions(tools: Sequence[Mapping[str, Any]], api: API) -> Iterator[dict[str, Any]]:
    for tool in tools:
        function: dict[str, Any] = {"name": tool["name"]}
        for key, name in (("description", "description"), ("inputSchema", "parameters"), ("strict", "strict")):
            if key in tool:
                function[name] = tool[key]
        yield {"type": "function", "function": function} if api == "chat" else {"type": "function", **function}


def _written_format(settings: Settings) -> dict[str, Any]:
    if "schema" in settings.output:
        said = mapping(settings.ext.get(FORMAT))
        return {"type": "json_schema", "name": "answer", **said, "schema": settings.output["schema"]}
    return {"type": "json_object"} if settings.output.get("format") == "json" else {}
