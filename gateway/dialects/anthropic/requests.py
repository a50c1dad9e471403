"""Requests: the top-level fields. Messages and their blocks are in `messages.py`."""

from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import ChatRequest, Format, Json, Reasoning, Tool, ToolChoice
from gateway.core.faults import BadRequest
from gateway.dialects.anthropic.messages import (
    decode_messages,
    encode_messages,
    encode_system,
    read_cache,
    write_cache,
)
from gateway.dialects.anthropic.thinking import write_thinking
from gateway.dialects.fitting import Quirks
from gateway.dialects.reading import field, needed, objects, strings, unknown
from gateway.dialects.schemas import closed

_READ = frozenset(
    {
        "model", "messages", "system", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream",
        "tools", "tool_choice", "thinking", "metadata", "service_tier", "output_config", "output_format",
    }
)  # fmt: skip
# Without these the answer would be another one: nothing that could be dropped.
_REFUSED: Mapping[str, str] = {
    "mcp_servers": "MCP servers are run by Anthropic alone",
    "container": "containers are run by Anthropic alone",
}
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def decode_request(body: Json, model: str, stream: bool) -> ChatRequest:
    """A request body as the vocabulary's.

    Raises:
        BadRequest: a field has the wrong type, or cannot be said in any other dialect.
    """
    for name, reason in _REFUSED.items():
        if body.get(name):
            raise BadRequest(f"`{name}` cannot be sent to this model: {reason}", param=name)
    choice, parallel = _tool_choice(body)
    metadata = field(body, "metadata", dict) or {}
    return ChatRequest(
        model=model,
        messages=decode_messages(body),
        tools=tuple(_tool(one, f"tools[{index}]") for index, one in enumerate(objects(body, "tools"))),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_output_tokens=needed(body, "max_tokens", int),
        temperature=field(body, "temperature", float),
        top_p=field(body, "top_p", float),
        top_k=field(body, "top_k", int),
        stop=strings(body, "stop_sequences"),
        format=_format(body),
        reasoning=_reasoning(body),
        service_tier="default" if field(body, "service_tier", str) == "standard_only" else "",
        user=field(metadata, "user_id", str, "metadata") or "",
        stream=stream,
        stream_usage=True,
        unread=tuple(name for name, value in body.items() if name not in _READ and value is not None),
        names={
            "max_output_tokens": "max_tokens",
            "stop": "stop_sequences",
            "format": "output_config.format",
            "reasoning": "thinking" if body.get("thinking") is not None else "output_config.effort",
            "user": "metadata.user_id",
            "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
        },
    )


def _tool(block: Json, where: str) -> Tool:
    kind = field(block, "type", str, where) or "custom"
    if kind != "custom":
        raise unknown(f"{where}.type", kind, ("custom",))
    return Tool(
        name=needed(block, "name", str, where),
        description=field(block, "description", str, where) or "",
        parameters=needed(block, "input_schema", dict, where),
        strict=field(block, "strict", bool, where),
        cache=read_cache(block, where),
    )


def _tool_choice(body: Json) -> tuple[ToolChoice | None, bool | None]:
    block = field(body, "tool_choice", dict)
    if block is None:
        return None, None
    kind = needed(block, "type", str, "tool_choice")
    parallel = False if field(block, "disable_parallel_tool_use", bool, "tool_choice") else None
    if kind == "tool":
        return ToolChoice("required", (needed(block, "name", str, "tool_choice"),)), parallel
    if kind not in _CHOICES:
        raise unknown("tool_choice.type", kind, (*_CHOICES, "tool"))
    return ToolChoice(_CHOICES[kind]), parallel  # type: ignore[arg-type]  the table's words


def _format(body: Json) -> Format | None:
    config = field(body, "output_config", dict) or {}
    where = "output_config.format" if config.get("format") is not None else "output_format"
    block = field(config, "format", dict, "output_config") or field(body, "output_format", dict)
    if block is None:
        return None
    kind = needed(block, "type", str, where)
    if kind != "json_schema":
        raise unknown(f"{where}.type", kind, ("json_schema",))
    return Format(kind="json_schema", name="answer", schema=needed(block, "schema", dict, where), strict=True)


def _reasoning(body: Json) -> Reasoning | None:
    effort = field(field(body, "output_config", dict) or {}, "effort", str, "output_config") or ""
    if effort and effort not in _EFFORTS:
        raise unknown("output_config.effort", effort, _EFFORTS)
    block = field(body, "thinking", dict)
    if block is None:
        return Reasoning(effort=effort) if effort else None
    show = {"summarized": True, "omitted": False}.get(field(block, "display", str, "thinking") or "")
    match needed(block, "type", str, "thinking"):
        case "enabled":
            budget = needed(block, "budget_tokens", int, "thinking")
            return Reasoning(effort=effort, budget_tokens=budget, show=show)
        case "adaptive":
            return Reasoning(effort=effort, budget_tokens=None if effort else -1, show=show)
        case "disabled":
            return Reasoning(effort="none")
        case kind:
            raise unknown("thinking.type", kind, ("enabled", "adaptive", "disabled"))


def encode_request(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    """The body for an upstream of this dialect."""
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_output_tokens or quirks.max_output_tokens,
        "messages": encode_messages(request.messages),
    }
    if system := encode_system(request.messages):
        body["system"] = system
    if request.stream:
        body["stream"] = True
    if request.tools:
        body["tools"] = [_write_tool(tool) for tool in offered(request)]
        if (choice := _write_choice(request)) is not None:
            body["tool_choice"] = choice
    if request.format is not None:
        schema = closed(request.format.schema or {}, quirks.unwanted_keywords)
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if request.user:
        body["metadata"] = {"user_id": request.user}
    optional: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop_sequences": list(request.stop) or None,
    }
    body.update((name, value) for name, value in optional.items() if value is not None)
    write_thinking(body, request, quirks)
    return body


def offered(request: ChatRequest) -> list[Tool]:
    """The tools to declare. "Only among these" has no word here: the others are not declared then."""
    choice = request.tool_choice
    if choice is None or not choice.names or (choice.mode == "required" and len(choice.names) == 1):
        return list(request.tools)
    return [tool for tool in request.tools if tool.name in choice.names]


def _write_tool(tool: Tool) -> dict[str, Any]:
    block: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters or {"type": "object", "properties": {}}}
    if tool.description:
        block["description"] = tool.description
    if tool.strict:
        block["strict"] = True
    return write_cache(block, tool.cache)


def _write_choice(request: ChatRequest) -> dict[str, Any] | None:
    choice = request.tool_choice
    block: dict[str, Any] = {"type": "auto"}
    if choice is not None:
        if choice.mode == "none":
            return {"type": "none"}
        if choice.mode == "required":
            block = {"type": "tool", "name": choice.names[0]} if len(choice.names) == 1 else {"type": "any"}
    if request.parallel_tool_calls is False:
        block["disable_parallel_tool_use"] = True
    return block if choice is not None or len(block) > 1 else None
