"""Whole answers: `message` objects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.conversation import Image, Inline, Json, Part, Refusal, Text, Thinking, ToolCall
from gateway.core.generation import Answer, Choice, Finish, FinishReason, Statement
from gateway.dialects.anthropic.citations import read_citation, write_citation
from gateway.dialects.anthropic.usage import read_tier, read_usage, statement_of, write_usage
from gateway.dialects.fitting import Caption
from gateway.dialects.reading import answer_object, json_text, part, rows, words
from gateway.dialects.seals import seal, shown
from gateway.dialects.sources import data_url
from gateway.dialects.statements import raw_usage

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode

_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "context_length",
}
_WORDS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "context_length": "model_context_window_exceeded",
}


def decode_answer(body: bytes) -> Answer:
    """An upstream's `message`.

    Raises:
        UpstreamBroken: not a JSON object.
    """
    said = answer_object(body)
    parts = tuple(found for block in rows(said, "content") if (found := read_part(block)) is not None)
    usage = part(said, "usage")
    used = read_usage(usage) if usage else None
    return Answer(
        id=words(said, "id"),
        model=words(said, "model"),
        choices=(Choice(parts=parts, finish=finish_of(said)),),
        usage=used,
        service_tier=read_tier(usage),
        statement=Statement() if used is None else statement_of(usage, used, [raw_usage(body)]),
    )


def finish_of(said: Json) -> Finish:
    """Why it stopped, of a `message` or of a `message_delta`'s delta."""
    reason = words(said, "stop_reason")
    return Finish(_REASONS.get(reason, "stop"), words(said, "stop_sequence"), reason)


def read_part(block: Json) -> Part | None:
    """A content block; None for one that only Anthropic's own clients can use (its server tools' calls and results)."""
    match block.get("type"):
        case "text":
            return Text(words(block, "text"), citations=tuple(read_citation(one) for one in rows(block, "citations")))
        case "thinking":
            return Thinking(text=words(block, "thinking"), signature=seal("anthropic", words(block, "signature")))
        case "redacted_thinking":
            return Thinking(signature=seal("anthropic", words(block, "data")), redacted=True)
        case "tool_use":
            return ToolCall(id=words(block, "id"), name=words(block, "name"), arguments=json_text(part(block, "input")))
        case _:
            return None


def encode_answer(answer: Answer, caption: Caption) -> bytes:
    """The `message` object a client gets: its first choice, for the dialect has one."""
    choice = answer.choices[0] if answer.choices else Choice()
    finish = choice.finish or Finish("stop")
    body: dict[str, Any] = {
        "id": message_id(answer.id, caption),
        "type": "message",
        "role": "assistant",
        "model": answer.model or caption.model,
        "content": list(_write_parts(choice.parts)),
        "stop_reason": stop_word(finish),
        "stop_sequence": finish.stop_sequence or None,
        "usage": write_usage(answer.usage) if answer.usage is not None else {"input_tokens": 0, "output_tokens": 0},
    }
    return _encode(body)


def message_id(said: str, caption: Caption) -> str:
    name = said or caption.id
    return name if name.startswith("msg_") else f"msg_{name}"


def stop_word(finish: Finish) -> str:
    return "stop_sequence" if finish.stop_sequence else _WORDS[finish.reason]


def _write_parts(parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
    for one in parts:
        match one:
            case ToolCall():
                if one.signature:
                    yield {"type": "redacted_thinking", "data": shown(one.signature, "anthropic")}
                yield {"type": "tool_use", "id": one.id, "name": one.name, "input": _arguments(one)}
            case Thinking():
                yield thinking_block(one)
            case Text() | Refusal():
                yield text_block(one)
            case Image(source=Inline() as source):
                yield text_block(Text(image_text(source)))
            case _:
                continue


def thinking_block(thought: Thinking) -> dict[str, Any]:
    signature = shown(thought.signature, "anthropic")
    if thought.redacted:
        return {"type": "redacted_thinking", "data": signature}
    return {"type": "thinking", "thinking": thought.text, "signature": signature}


def text_block(said: Text | Refusal) -> dict[str, Any]:
    cited = said.citations if isinstance(said, Text) else ()
    citations = [write_citation(citation) for citation in cited]
    return {"type": "text", "text": said.text, "citations": citations or None}


def image_text(source: Inline) -> str:
    """A generated image: the dialect has no block for one in answers, so it is told as Markdown."""
    return f"![image]({data_url(source)})"


def _arguments(call: ToolCall) -> dict[str, Any]:
    """The call's arguments as an object. A model may write what is none: then the text stands under a name of ours."""
    try:
        return _decode(call.arguments) if call.arguments.strip() else {}
    except (msgspec.MsgspecError, RecursionError):
        return {"_unparsed": call.arguments}
