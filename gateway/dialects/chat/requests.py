"""Requests: the top-level fields. Messages are in `messages.py`."""

from collections.abc import Mapping
from typing import Any, cast

from gateway.core.conversation import ChatRequest, Format, Json, Reasoning, Tool, ToolChoice
from gateway.core.faults import BadRequest
from gateway.dialects.chat.messages import decode_messages, encode_messages
from gateway.dialects.fitting import Quirks
from gateway.dialects.reading import field, needed, objects, strings, unknown, wrong

_READ = frozenset(
    {
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p",
        "top_k", "frequency_penalty", "presence_penalty", "logit_bias", "seed", "stop", "n", "logprobs",
        "top_logprobs", "response_format", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort",
        "reasoning", "thinking", "verbosity", "modalities", "service_tier", "user", "safety_identifier", "metadata",
        "prompt_cache_key",
    }
)  # fmt: skip
# Without these the answer would be another one: nothing that could be dropped.
_REFUSED: Mapping[str, str] = {
    "functions": "use `tools`",
    "function_call": "use `tool_choice`",
    "web_search_options": "web search cannot be translated",
    "audio": "spoken answers cannot be translated",
}
_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})


def decode_request(body: Json, model: str, stream: bool) -> ChatRequest:
    """A request body as the vocabulary's.

    Raises:
        BadRequest: a field has the wrong type, or cannot be said in any other dialect.
    """
    for name, advice in _REFUSED.items():
        if body.get(name) is not None:
            raise BadRequest(f"`{name}` is not supported for this model; {advice}", param=name)
    limit = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    effort = "reasoning_effort" if body.get("reasoning_effort") is not None else "reasoning"
    if body.get("thinking") is not None:
        effort = "thinking"
    options = field(body, "stream_options", dict) or {}
    n = field(body, "n", int)
    if n is not None and n < 1:
        raise wrong("n", "at least 1")
    return ChatRequest(
        model=model,
        messages=decode_messages(body),
        tools=tuple(_tool(one, f"tools[{index}]") for index, one in enumerate(objects(body, "tools"))),
        tool_choice=_tool_choice(body.get("tool_choice")),
        parallel_tool_calls=field(body, "parallel_tool_calls", bool),
        max_output_tokens=field(body, limit, int),
        temperature=field(body, "temperature", float),
        top_p=field(body, "top_p", float),
        top_k=field(body, "top_k", int),
        frequency_penalty=field(body, "frequency_penalty", float) or None,
        presence_penalty=field(body, "presence_penalty", float) or None,
        logit_bias=field(body, "logit_bias", dict) or None,
        seed=field(body, "seed", int),
        stop=strings(body, "stop"),
        n=n or 1,
        logprobs=(field(body, "top_logprobs", int) or 0) if field(body, "logprobs", bool) else None,
        format=_format(body),
        reasoning=_reasoning(body),
        verbosity=field(body, "verbosity", str) or "",
        modalities=tuple(one for one in strings(body, "modalities") if one != "text"),
        service_tier=field(body, "service_tier", str) or "",
        user=field(body, "user", str) or field(body, "safety_identifier", str) or "",
        metadata=field(body, "metadata", dict) or None,
        cache_key=field(body, "prompt_cache_key", str) or "",
        stream=stream,
        stream_usage=field(options, "include_usage", bool, "stream_options") or False,
        unread=tuple(name for name, value in body.items() if name not in _READ and value is not None),
        names={
            "max_output_tokens": limit,
            "format": "response_format",
            "reasoning": effort,
            "cache_key": "prompt_cache_key",
        },
    )


def _tool(block: Json, where: str) -> Tool:
    kind = needed(block, "type", str, where)
    if kind != "function":
        raise unknown(f"{where}.type", kind, ("function",))
    function = needed(block, "function", dict, where)
    inner = f"{where}.function"
    return Tool(
        name=needed(function, "name", str, inner),
        description=field(function, "description", str, inner) or "",
        parameters=field(function, "parameters", dict, inner),
        strict=field(function, "strict", bool, inner),
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
        function = needed(choice, "function", dict, "tool_choice")
        return ToolChoice("required", (needed(function, "name", str, "tool_choice.function"),))
    if kind == "allowed_tools":
        allowed = needed(choice, "allowed_tools", dict, "tool_choice")
        inner = "tool_choice.allowed_tools"
        names: list[str] = []
        for index, tool in enumerate(objects(allowed, "tools", inner)):
            where = f"{inner}.tools[{index}]"
            names.append(needed(needed(tool, "function", dict, where), "name", str, f"{where}.function"))
        mode = needed(allowed, "mode", str, inner)
        if mode not in ("auto", "required"):
            raise unknown(f"{inner}.mode", mode, ("auto", "required"))
        return ToolChoice(mode, tuple(names))
    raise unknown("tool_choice.type", kind, ("function", "allowed_tools"))


def _format(body: Json) -> Format | None:
    block = field(body, "response_format", dict)
    if block is None:
        return None
    kind = needed(block, "type", str, "response_format")
    if kind == "text":
        return None
    if kind == "json_object":
        return Format(kind="json_object")
    if kind != "json_schema":
        raise unknown("response_format.type", kind, ("text", "json_object", "json_schema"))
    where = "response_format.json_schema"
    schema = needed(block, "json_schema", dict, "response_format")
    return Format(
        kind="json_schema",
        name=field(schema, "name", str, where) or "",
        description=field(schema, "description", str, where) or "",
        schema=field(schema, "schema", dict, where) or {},
        strict=field(schema, "strict", bool, where),
    )


def _reasoning(body: Json) -> Reasoning | None:
    """OpenAI's `reasoning_effort`; also OpenRouter's `reasoning` and Anthropic's `thinking` objects."""
    effort = field(body, "reasoning_effort", str) or ""
    budget: int | None = None
    show: bool | None = None
    if (block := field(body, "reasoning", dict)) is not None:
        effort = field(block, "effort", str, "reasoning") or effort
        budget = field(block, "max_tokens", int, "reasoning")
        show = False if field(block, "exclude", bool, "reasoning") else None
        if field(block, "enabled", bool, "reasoning") is False:
            effort = "none"
    if (block := field(body, "thinking", dict)) is not None:
        budget = field(block, "budget_tokens", int, "thinking")
        if needed(block, "type", str, "thinking") == "disabled":
            effort = "none"
    if effort and effort not in _EFFORTS:
        raise unknown("reasoning_effort", effort, _EFFORTS)
    if not effort and budget is None and show is None:
        return None
    return Reasoning(effort=effort, budget_tokens=budget, show=show)


def encode_request(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    """The body for an upstream of this dialect."""
    body: dict[str, Any] = {"model": request.model, "messages": encode_messages(request.messages, quirks)}
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [_write_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _write_choice(request.tool_choice)
    if request.format is not None:
        body["response_format"] = _write_format(request.format)
    if request.reasoning is not None and (effort := effort_of(request.reasoning, quirks)):
        body["reasoning_effort"] = effort
    if request.logprobs is not None:
        body["logprobs"] = True
        if request.logprobs:
            body["top_logprobs"] = request.logprobs
    optional: dict[str, Any] = {
        "parallel_tool_calls": request.parallel_tool_calls if request.tools else None,
        quirks.max_output_field: request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "logit_bias": request.logit_bias,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "n": request.n if request.n > 1 else None,
        "verbosity": request.verbosity or None,
        "service_tier": request.service_tier or None,
        "user": request.user or None,
        "prompt_cache_key": request.cache_key or None,
    }
    body.update((name, value) for name, value in optional.items() if value is not None)
    return body


def effort_of(reasoning: Reasoning, quirks: Quirks) -> str:
    """The effort asked for; for a budget in tokens, the word whose budget is the nearest."""
    if reasoning.effort:
        return reasoning.effort
    budget = reasoning.budget_tokens
    if budget is None or budget < 0:
        return ""
    if budget == 0:
        return "none"
    words = [word for word in ("low", "medium", "high") if word in quirks.budgets]
    return min(words, key=lambda word: abs(quirks.budgets[word] - budget), default="")


def _write_tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _write_choice(choice: ToolChoice) -> object:
    if not choice.names:
        return choice.mode
    if choice.mode == "required" and len(choice.names) == 1:
        return {"type": "function", "function": {"name": choice.names[0]}}
    tools = [{"type": "function", "function": {"name": name}} for name in choice.names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}


def _write_format(format: Format) -> dict[str, Any]:
    if format.kind == "json_object":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": format.name or "answer", "schema": format.schema}
    if format.description:
        schema["description"] = format.description
    if format.strict is not None:
        schema["strict"] = format.strict
    return {"type": "json_schema", "json_schema": schema}
