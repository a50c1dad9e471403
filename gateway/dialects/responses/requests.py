"""Requests: the top-level fields. Items are in `items.py`.

Source: OpenAI's API reference, "Create a model response".
"""

from collections.abc import Mapping
from typing import Any, cast

from gateway.core.conversation import ChatRequest, Format, Json, Reasoning, Tool, ToolChoice
from gateway.core.faults import BadRequest
from gateway.dialects.chat.requests import effort_of
from gateway.dialects.fitting import Quirks
from gateway.dialects.reading import field, needed, objects, strings, unknown
from gateway.dialects.responses.items import decode_input, encode_input

# Those the gateway keeps for itself, or that change nothing where nothing is kept upstream, are read as well.
_READ = frozenset(
    {
        "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens",
        "temperature", "top_p", "top_logprobs", "include", "text", "reasoning", "metadata", "user",
        "safety_identifier", "prompt_cache_key", "service_tier", "stream", "stream_options", "store",
        "previous_response_id", "background", "truncation",
    }
)  # fmt: skip
# Of these objects' members.
_READ_IN: Mapping[str, frozenset[str]] = {
    "text": frozenset({"format", "verbosity"}),
    "reasoning": frozenset({"effort", "summary"}),
}
_REFUSED: Mapping[str, str] = {
    "conversation": "conversations are kept by OpenAI alone; use `previous_response_id`",
    "prompt": "prompts are kept by OpenAI alone",
}
_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_LOGPROBS = "message.output_text.logprobs"
_ENCRYPTED = "reasoning.encrypted_content"


def decode_request(body: Json, model: str, stream: bool) -> ChatRequest:
    """A request body as the vocabulary's.

    Raises:
        BadRequest: a field has the wrong type, or cannot be said in any other dialect.
    """
    _refuse(body)
    text = field(body, "text", dict) or {}
    include = strings(body, "include")
    top_logprobs = field(body, "top_logprobs", int)
    return ChatRequest(
        model=model,
        messages=decode_input(body),
        tools=tuple(_tool(one, f"tools[{index}]") for index, one in enumerate(objects(body, "tools"))),
        tool_choice=_tool_choice(body.get("tool_choice")),
        parallel_tool_calls=field(body, "parallel_tool_calls", bool),
        max_output_tokens=field(body, "max_output_tokens", int),
        temperature=field(body, "temperature", float),
        top_p=field(body, "top_p", float),
        logprobs=(top_logprobs or 0) if _LOGPROBS in include or top_logprobs else None,
        format=_format(text),
        reasoning=_reasoning(body),
        verbosity=field(text, "verbosity", str, "text") or "",
        service_tier=field(body, "service_tier", str) or "",
        user=field(body, "user", str) or field(body, "safety_identifier", str) or "",
        metadata=field(body, "metadata", dict) or None,
        cache_key=field(body, "prompt_cache_key", str) or "",
        stream=stream,
        stream_usage=True,
        unread=_unread(body, include),
        names={
            "format": "text.format",
            "verbosity": "text.verbosity",
            "cache_key": "prompt_cache_key",
            "logprobs": "top_logprobs",
            **({} if body.get("user") else {"user": "safety_identifier"}),
        },
    )


def _refuse(body: Json) -> None:
    for name, reason in _REFUSED.items():
        if body.get(name):
            raise BadRequest(f"`{name}` cannot be used with this model: {reason}", param=name)
    if field(body, "background", bool):
        raise BadRequest("`background` is not offered for this model; wait, or stream", param="background")


def _unread(body: Json, include: tuple[str, ...]) -> tuple[str, ...]:
    names = [name for name, value in body.items() if name not in _READ and value is not None]
    names += [f"include.{word}" for word in include if word not in (_LOGPROBS, _ENCRYPTED)]
    for outer, known in _READ_IN.items():
        members = field(body, outer, dict) or {}
        names += [f"{outer}.{name}" for name, value in members.items() if name not in known and value is not None]
    if body.get("truncation") == "auto":
        names.append("truncation")
    return tuple(names)


def _tool(block: Json, where: str) -> Tool:
    kind = needed(block, "type", str, where)
    if kind != "function":
        raise unknown(f"{where}.type", kind, ("function",))
    return Tool(
        name=needed(block, "name", str, where),
        description=field(block, "description", str, where) or "",
        parameters=field(block, "parameters", dict, where),
        strict=field(block, "strict", bool, where),
    )


def _tool_choice(value: object) -> ToolChoice | None:
    if value is None:
        return None
    if value in ("auto", "none", "required"):
        return ToolChoice(str(value))  # type: ignore[arg-type]  one of the three
    if not isinstance(value, dict):
        raise unknown("tool_choice", value, ("auto", "none", "required", "a tool to call"))
    choice = cast(dict[str, Any], value)
    kind = needed(choice, "type", str, "tool_choice")
    if kind == "function":
        return ToolChoice("required", (needed(choice, "name", str, "tool_choice"),))
    if kind == "allowed_tools":
        names = [
            needed(tool, "name", str, f"tool_choice.tools[{index}]")
            for index, tool in enumerate(objects(choice, "tools", "tool_choice"))
        ]
        mode = needed(choice, "mode", str, "tool_choice")
        if mode not in ("auto", "required"):
            raise unknown("tool_choice.mode", mode, ("auto", "required"))
        return ToolChoice(mode, tuple(names))
    raise unknown("tool_choice.type", kind, ("function", "allowed_tools"))


def _format(text: Json) -> Format | None:
    block = field(text, "format", dict, "text")
    if block is None:
        return None
    where = "text.format"
    match needed(block, "type", str, where):
        case "text":
            return None
        case "json_object":
            return Format(kind="json_object")
        case "json_schema":
            return Format(
                kind="json_schema",
                name=field(block, "name", str, where) or "",
                description=field(block, "description", str, where) or "",
                schema=needed(block, "schema", dict, where),
                strict=field(block, "strict", bool, where),
            )
        case kind:
            raise unknown(f"{where}.type", kind, ("text", "json_object", "json_schema"))


def _reasoning(body: Json) -> Reasoning | None:
    block = field(body, "reasoning", dict)
    if block is None:
        return None
    effort = field(block, "effort", str, "reasoning") or ""
    if effort and effort not in _EFFORTS:
        raise unknown("reasoning.effort", effort, _EFFORTS)
    summary = field(block, "summary", str, "reasoning") or ""
    if not effort and not summary:
        return None
    return Reasoning(effort=effort, summary=summary, show=True if summary else None)


def encode_request(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    """The body for an upstream of this dialect. It keeps nothing: what must come back comes with the answer."""
    body: dict[str, Any] = {
        "model": request.model,
        "input": encode_input(request.messages, quirks),
        "store": False,
    }
    include: list[str] = []
    if request.stream:
        body["stream"] = True
    if request.tools:
        body["tools"] = [_write_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _write_choice(request.tool_choice)
    if reasoning := _write_reasoning(request, quirks):
        body["reasoning"] = reasoning
    if reasoning or quirks.always_thinks:
        include.append(_ENCRYPTED)
    if text := _write_text(request):
        body["text"] = text
    if request.logprobs is not None:
        include.append(_LOGPROBS)
    optional: dict[str, Any] = {
        "parallel_tool_calls": request.parallel_tool_calls if request.tools else None,
        "max_output_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.logprobs or None,
        "metadata": request.metadata,
        "service_tier": request.service_tier or None,
        "user": request.user or None,
        "prompt_cache_key": request.cache_key or None,
        "include": include or None,
    }
    body.update((name, value) for name, value in optional.items() if value is not None)
    return body


def _write_reasoning(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    reasoning, block = request.reasoning, dict[str, Any]()
    if reasoning is None:
        return block
    if effort := effort_of(reasoning, quirks):
        block["effort"] = effort
    if reasoning.summary or reasoning.show:
        block["summary"] = reasoning.summary or "auto"
    return block


def _write_tool(tool: Tool) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "function", "name": tool.name, "parameters": tool.parameters}
    if tool.description:
        block["description"] = tool.description
    block["strict"] = bool(tool.strict)  # left out, it would mean true
    return block


def _write_choice(choice: ToolChoice) -> object:
    if not choice.names:
        return choice.mode
    if choice.mode == "required" and len(choice.names) == 1:
        return {"type": "function", "name": choice.names[0]}
    tools = [{"type": "function", "name": name} for name in choice.names]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}


def _write_text(request: ChatRequest) -> dict[str, Any]:
    text: dict[str, Any] = {}
    wanted = request.format
    if wanted is not None and wanted.kind == "json_object":
        text["format"] = {"type": "json_object"}
    elif wanted is not None:
        block: dict[str, Any] = {"type": "json_schema", "name": wanted.name or "answer", "schema": wanted.schema}
        if wanted.description:
            block["description"] = wanted.description
        if wanted.strict is not None:
            block["strict"] = wanted.strict
        text["format"] = block
    if request.verbosity:
        text["verbosity"] = request.verbosity
    return text
