"""Converse and ConverseStream requests, for the upstream. The model is in the path, and so is whether to stream.

Source: Bedrock Runtime API Reference, "Converse" (request body), "ToolConfiguration", "OutputConfig", "ServiceTier",
"PerformanceConfiguration"; User Guide, "Carry out a conversation with the Converse API operations".
"""

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.core.conversation import ChatRequest, Format, Message, Tool, ToolCall, ToolResult
from gateway.dialects.bedrock.makers import Maker, maker_of
from gateway.dialects.bedrock.messages import encode_messages, encode_system, write_mark
from gateway.dialects.bedrock.thinking import OPTIMIZED, TIERS, write_thinking
from gateway.dialects.fitting import Quirks
from gateway.dialects.reading import json_text
from gateway.dialects.schemas import closed

_ANY_OBJECT: dict[str, Any] = {"type": "object", "properties": {}}
# Where calls stand in the conversation, Bedrock demands that tools are declared; this one stands for none.
_NO_TOOL: dict[str, Any] = {
    "name": "unavailable",
    "description": "There are no tools now. Never call this.",
    "inputSchema": {"json": _ANY_OBJECT},
}


def encode_request(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    """The body for an upstream of this dialect."""
    maker = maker_of(request.model, quirks)
    body: dict[str, Any] = {"messages": encode_messages(request.messages, maker)}
    if system := encode_system(request.messages, maker):
        body["system"] = system
    if inference := _inference(request):
        body["inferenceConfig"] = inference
    if tools := _tools(request, maker):
        body["toolConfig"] = tools
    if request.format is not None:
        body["outputConfig"] = {"textFormat": _text_format(request.format, quirks)}
    if request.metadata:
        body["requestMetadata"] = dict(request.metadata)
    if request.service_tier in TIERS:
        body["serviceTier"] = {"type": request.service_tier}
    elif request.service_tier == OPTIMIZED:
        body["performanceConfig"] = {"latency": OPTIMIZED}
    if request.top_k is not None and maker.top_k:
        _put(body.setdefault("additionalModelRequestFields", {}), maker.top_k, request.top_k)
    write_thinking(body, request, quirks, maker)
    if request.stop and maker.thinking == "claude":
        body["additionalModelResponseFieldPaths"] = ["/stop_sequence"]
    if not body.get("additionalModelRequestFields", True):
        del body["additionalModelRequestFields"]
    return body


def _put(fields: dict[str, Any], path: Sequence[str], value: object) -> None:
    for name in path[:-1]:
        fields = fields.setdefault(name, {})
    fields[path[-1]] = value


def _inference(request: ChatRequest) -> dict[str, Any]:
    optional: dict[str, Any] = {
        "maxTokens": request.max_output_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
    }
    return {name: value for name, value in optional.items() if value is not None}


def _tools(request: ChatRequest, maker: Maker) -> dict[str, Any]:
    """`toolConfig`. The dialect has no word for "only some of these" and none for "none of these": what may not be
    called is not declared."""
    choice = request.tool_choice
    declared = request.tools if choice is None or choice.mode != "none" else ()
    if choice is not None and len(choice.names) > (choice.mode == "required"):
        declared = tuple(tool for tool in declared if tool.name in choice.names)
    if not declared:
        return {"tools": [{"toolSpec": _NO_TOOL}]} if _has_calls(request.messages) else {}
    config: dict[str, Any] = {"tools": [block for tool in declared for block in _write_tool(tool, maker)]}
    if choice is not None and choice.mode == "required":
        config["toolChoice"] = {"tool": {"name": choice.names[0]}} if len(choice.names) == 1 else {"any": {}}
    elif choice is not None:
        config["toolChoice"] = {"auto": {}}
    return config


def _has_calls(messages: Iterable[Message]) -> bool:
    return any(isinstance(part, ToolCall | ToolResult) for message in messages for part in message.parts)


def _write_tool(tool: Tool, maker: Maker) -> list[dict[str, Any]]:
    """The schema's `type` must be there, and must be `object`."""
    schema = {"type": "object", **tool.parameters} if tool.parameters else _ANY_OBJECT
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict:
        spec["strict"] = True
    return [{"toolSpec": spec}, *write_mark(tool.cache, maker, tools=True)]


def _text_format(wanted: Format, quirks: Quirks) -> dict[str, Any]:
    """The schema goes as text."""
    schema: dict[str, Any] = {"schema": json_text(closed(wanted.schema or {}, quirks.unwanted_keywords))}
    if wanted.name:
        schema["name"] = wanted.name
    if wanted.description:
        schema["description"] = wanted.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}
