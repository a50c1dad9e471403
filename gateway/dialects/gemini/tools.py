"""Functions and how they may be called.

Source: https://ai.google.dev/api/caching#Tool and #FunctionCallingConfig. VALIDATED is AUTO with arguments that are
sure to fit their schema, and unlike AUTO may be narrowed to some functions. Google's own tools (search, code, URLs)
have no word in the vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.conversation import Json, Tool, ToolChoice
from gateway.core.faults import BadRequest
from gateway.dialects.gemini.naming import plain, set_fields
from gateway.dialects.gemini.numbers import MODES, word
from gateway.dialects.gemini.schemas import from_subset, to_json_schema
from gateway.dialects.reading import field, needed, objects, strings, unknown

_DECLARED = frozenset({"name", "description", "parameters", "parametersJsonSchema"})
_MODES = ("AUTO", "ANY", "NONE", "VALIDATED")


def decode_tools(body: Json, unread: list[str]) -> tuple[Tool, ...]:
    """The declared functions.

    Raises:
        BadRequest: one that is no function, or without a name; a field of the wrong type.
    """
    tools: list[Tool] = []
    for index, said in enumerate(objects(body, "tools")):
        where, tool = f"tools[{index}]", plain(said)
        if hosted := [name for name in tool if name != "functionDeclarations"]:
            raise BadRequest(
                f"`{where}.{hosted[0]}` is run by Google itself and not offered by what serves this model; "
                "known here: functionDeclarations",
                param=f"{where}.{hosted[0]}",
            )
        for number, block in enumerate(objects(tool, "functionDeclarations", where)):
            place, declared = f"{where}.functionDeclarations[{number}]", plain(block)
            unread.extend(f"{place}.{name}" for name in declared if name not in _DECLARED)
            tools.append(
                Tool(
                    name=needed(declared, "name", str, place),
                    description=field(declared, "description", str, place) or "",
                    parameters=_parameters(declared, place),
                )
            )
    return tuple(tools)


def _parameters(declared: Json, where: str) -> Json | None:
    full = field(declared, "parametersJsonSchema", dict, where)
    if full is not None:
        return full
    subset = field(declared, "parameters", dict, where)
    return None if subset is None else from_subset(subset)


def decode_choice(body: Json, tools: tuple[Tool, ...], unread: list[str]) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """The choice, and the functions, strict where the mode says so.

    Raises:
        BadRequest: an unknown mode, or a field of the wrong type.
    """
    config = plain(field(body, "toolConfig", dict) or {})
    unread.extend(f"toolConfig.{name}" for name in config if name != "functionCallingConfig")
    where = "toolConfig.functionCallingConfig"
    said = field(config, "functionCallingConfig", dict, "toolConfig")
    if said is None:
        return None, tools
    calling = plain(said)
    unread.extend(f"{where}.{name}" for name in calling if name not in ("mode", "allowedFunctionNames"))
    mode = (word(calling, "mode", MODES, where) or "AUTO").upper()
    names = strings(calling, "allowedFunctionNames", where)
    if mode == "MODE_UNSPECIFIED":
        mode = "AUTO"
    if mode not in _MODES:
        raise unknown(f"{where}.mode", mode, _MODES)
    if mode == "VALIDATED":
        tools = tuple(msgspec.structs.replace(tool, strict=True) for tool in tools)
    if mode == "NONE":
        return ToolChoice("none"), tools
    return ToolChoice("required" if mode == "ANY" else "auto", names), tools


def encode_tools(tools: Sequence[Tool], unwanted: frozenset[str]) -> list[dict[str, Any]]:
    """The functions as one tool."""
    declared: list[dict[str, Any]] = []
    for tool in tools:
        schema = tool.parameters
        parameters = to_json_schema(schema, unwanted) if schema else None
        declared.append(
            set_fields({"name": tool.name, "description": tool.description, "parametersJsonSchema": parameters})
        )
    return [{"functionDeclarations": declared}] if declared else []


def encode_choice(choice: ToolChoice | None, tools: Sequence[Tool], where: str) -> dict[str, Any] | None:
    """The mode.

    Raises:
        BadRequest: it names a function that is not declared, which Google would take for any of them.
    """
    strict = any(tool.strict for tool in tools)
    if choice is None and not strict:
        return None
    choice = choice or ToolChoice("auto")
    declared = {tool.name for tool in tools}
    for name in choice.names:
        if name not in declared:
            raise BadRequest(f"the tool choice names {name!r:.80}, which is no declared tool", param=where)
    if choice.mode == "none":
        return {"functionCallingConfig": {"mode": "NONE"}}
    mode = "ANY" if choice.mode == "required" else "VALIDATED" if strict or choice.names else "AUTO"
    config: dict[str, Any] = {"mode": mode}
    if choice.names:
        config["allowedFunctionNames"] = list(choice.names)
    return {"functionCallingConfig": config}
