"""Whole answers of Converse.

Source: Bedrock Runtime API Reference, "Converse" (response), "ContentBlock", "CitationsContentBlock",
"ReasoningContentBlock". An answer has neither an id nor a model's name.
"""

from collections.abc import Mapping

from gateway.core.conversation import Image, Inline, Json, Part, Text, Thinking, ToolCall
from gateway.core.generation import Answer, Choice, Finish, FinishReason, Statement
from gateway.dialects.bedrock.citations import read_citation
from gateway.dialects.bedrock.media import IMAGE_TYPES
from gateway.dialects.bedrock.signatures import sealed_bytes, sealed_text
from gateway.dialects.bedrock.usage import read_usage, statement_of
from gateway.dialects.reading import answer_object, json_text, part, rows, words
from gateway.dialects.statements import raw_usage

# Bedrock runs these itself; their calls and results are of no use to a caller.
SERVERS_CALL = "server_tool_use"
_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "malformed_model_output": "stop",
    "malformed_tool_use": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "context_length",
}


def decode_answer(body: bytes) -> Answer:
    """An upstream's answer.

    Raises:
        UpstreamBroken: not a JSON object.
    """
    said = answer_object(body)
    blocks = rows(part(part(said, "output"), "message"), "content")
    usage = part(said, "usage")
    used = read_usage(usage) if usage else None
    return Answer(
        choices=(
            Choice(
                parts=tuple(found for block in blocks if (found := read_part(block)) is not None),
                finish=finish_of(said),
            ),
        ),
        usage=used,
        service_tier=tier_of(said),
        statement=Statement() if used is None else statement_of(usage, used, tier_of(said), [raw_usage(body)]),
    )


def finish_of(said: Json) -> Finish:
    """Why it stopped, of an answer or of a `messageStop`. Which sequence, Claude says if it is asked to."""
    reason = words(said, "stopReason")
    sequence = words(part(said, "additionalModelResponseFields"), "stop_sequence")
    return Finish(_REASONS.get(reason, "stop"), sequence, reason)


def tier_of(said: Json) -> str:
    """The tier that served, of an answer or of a `metadata`; `optimized` is latency's, and priced apart as well."""
    if words(part(said, "performanceConfig"), "latency") == "optimized":
        return "optimized"
    return words(part(said, "serviceTier"), "type")


def read_part(block: Json) -> Part | None:
    """A content block; None for one that no other dialect has a word for."""
    if isinstance(text := block.get("text"), str):
        return Text(text)
    if call := part(block, "toolUse"):
        if call.get("type") == SERVERS_CALL:
            return None
        arguments = json_text(part(call, "input"))
        return ToolCall(id=words(call, "toolUseId"), name=words(call, "name"), arguments=arguments)
    if thought := part(block, "reasoningContent"):
        return read_thought(thought)
    if cited := part(block, "citationsContent"):
        text = "".join(words(one, "text") for one in rows(cited, "content"))
        return Text(text, citations=tuple(read_citation(one) for one in rows(cited, "citations")))
    if image := part(block, "image"):
        data = words(part(image, "source"), "bytes")
        return Image(Inline(IMAGE_TYPES.get(words(image, "format"), "image/png"), data)) if data else None
    return None


def read_thought(block: Json) -> Thinking:
    if data := words(block, "redactedContent"):
        return Thinking(signature=sealed_bytes(data), redacted=True)
    said = part(block, "reasoningText")
    return Thinking(text=words(said, "text"), signature=sealed_text(words(said, "signature")))
