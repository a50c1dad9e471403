"""Whole answers: `response` objects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.conversation import Citation, Image, Inline, Json, Part, Refusal, Text, Thinking, ToolCall
from gateway.core.generation import Answer, Choice, Finish, FinishReason, Statement
from gateway.dialects.fitting import Caption
from gateway.dialects.reading import answer_object, part, rows, whole, words
from gateway.dialects.responses.failures import failure_of
from gateway.dialects.responses.objects import response_object, unfinished, write_item, write_logprobs
from gateway.dialects.responses.usage import statement_of, usage_of
from gateway.dialects.seals import seal
from gateway.dialects.statements import raw_usage

_encode = msgspec.json.Encoder().encode
_FAR = 2**31
_INCOMPLETE: Mapping[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def decode_answer(body: bytes) -> Answer:
    """An upstream's `response`.

    Raises:
        UpstreamBroken: not a JSON object. UpstreamRefused: it failed.
    """
    said = answer_object(body)
    return read_response(said, raw_usage(body))


def read_response(said: Json, raw: bytes = b"") -> Answer:
    """The answer that a response object is; `raw`: its usage as it came.

    Raises:
        UpstreamRefused: it failed.
    """
    if said.get("status") == "failed":
        raise failure_of(part(said, "error"))
    items = rows(said, "output")
    parts = tuple(found for item in items for found in read_item(item))
    usage, agrees = usage_of(said) or (None, True)
    return Answer(
        id=words(said, "id"),
        model=words(said, "model"),
        created=whole(said.get("created_at")),
        choices=(Choice(parts=parts, finish=finish_of(said, parts), logprobs=logprobs_of(items)),),
        usage=usage,
        service_tier=words(said, "service_tier"),
        statement=Statement() if usage is None else statement_of(said, [raw], agrees),
    )


def finish_of(said: Json, parts: Sequence[Part]) -> Finish:
    """Why it ended: the dialect says only that it did, or what kept it from completing."""
    reason = words(part(said, "incomplete_details"), "reason")
    if reason or said.get("status") == "incomplete":
        return Finish(_INCOMPLETE.get(reason, "length"), detail=reason)
    if any(isinstance(one, ToolCall) for one in parts):
        return Finish("tool_calls", detail=words(said, "status"))
    return Finish("stop", detail=words(said, "status"))


def read_item(item: Json) -> Iterator[Part]:
    """An output item's parts; none for hosted tools' items, whose results only OpenAI's own clients can use."""
    match item.get("type"):
        case "message":
            for block in rows(item, "content"):
                if block.get("type") == "output_text":
                    citations = tuple(read_annotations(block))
                    yield Text(words(block, "text"), citations=citations)
                elif block.get("type") == "refusal":
                    yield Refusal(words(block, "refusal"))
        case "function_call":
            yield ToolCall(id=words(item, "call_id"), name=words(item, "name"), arguments=words(item, "arguments"))
        case "reasoning":
            yield read_thought(item)
        case "image_generation_call":
            if data := words(item, "result"):
                yield Image(Inline(f"image/{words(item, 'output_format') or 'png'}", data))
        case _:
            return


def read_thought(item: Json) -> Thinking:
    """Summaries (OpenAI), or the thoughts themselves (open models)."""
    texts = [words(one, "text") for one in (*rows(item, "summary"), *rows(item, "content"))]
    signature = seal("openai", words(item, "encrypted_content"))
    text = "\n\n".join(filter(None, texts))
    return Thinking(text=text, signature=signature, redacted=bool(signature) and not text, id=words(item, "id"))


def read_annotations(block: Json) -> Iterator[Citation]:
    for one in rows(block, "annotations"):
        if (found := read_annotation(one)) is not None:
            yield found


def read_annotation(one: Json) -> Citation | None:
    if one.get("type") == "url_citation":
        return Citation(
            kind="url",
            url=words(one, "url"),
            title=words(one, "title"),
            start=_position(one, "start_index"),
            end=_position(one, "end_index"),
        )
    if one.get("type") == "file_citation":
        return Citation(kind="file", id=words(one, "file_id"), title=words(one, "filename"))
    return None


def _position(one: Json, name: str) -> int:
    value = one.get(name)
    return value if type(value) is int and 0 <= value < _FAR else -1


def logprobs_of(items: Sequence[Json]) -> tuple[dict[str, Any], ...] | None:
    found = [entry for item in items for block in rows(item, "content") for entry in rows(block, "logprobs")]
    return tuple(found) or None


def encode_answer(answer: Answer, caption: Caption, asked: Json) -> bytes:
    """The `response` object a client gets: its first choice, for the dialect has one."""
    choice = answer.choices[0] if answer.choices else Choice()
    finish = choice.finish or Finish("stop")
    output: list[dict[str, Any]] = []
    for one in choice.parts:
        write_item(one, caption, output)
    if choice.logprobs:
        write_logprobs(choice.logprobs, output)
    if output and output[-1]["type"] == "message" and unfinished(finish):
        output[-1]["status"] = "incomplete"
    return _encode(
        response_object(
            caption,
            asked,
            output,
            model=answer.model,
            finish=finish,
            usage=answer.usage,
            service_tier=answer.service_tier,
        )
    )
