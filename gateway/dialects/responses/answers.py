"""Whole answers: `response` objects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.conversation import Citation, Image, Inline, Json, Part, Refusal, Text, Thinking, ToolCall
from gateway.core.generation import Answer, Choice, Finish, FinishReason
from gateway.core.usage import Usage
from gateway.dialects.fitting import Caption
from gateway.dialects.openai.usage import read_usage
from gateway.dialects.reading import answer_object, index, part, rows, whole, words
from gateway.dialects.refusals import refused
from gateway.dialects.responses.objects import response_object, write_item
from gateway.dialects.seals import seal

_encode = msgspec.json.Encoder().encode
_INCOMPLETE: Mapping[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def decode_answer(body: bytes) -> Answer:
    """An upstream's `response`.

    Raises:
        UpstreamBroken: not a JSON object. UpstreamRefused: it failed.
    """
    return read_response(answer_object(body))


def read_response(said: Json) -> Answer:
    """The answer that a response object is.

    Raises:
        UpstreamRefused: it failed.
    """
    if said.get("status") == "failed":
        error = part(said, "error")
        raise refused(500, words(error, "message"), kind=words(error, "code"))
    items = rows(said, "output")
    parts = tuple(found for item in items for found in read_item(item))
    return Answer(
        id=words(said, "id"),
        model=words(said, "model"),
        created=whole(said.get("created_at")),
        choices=(Choice(parts=parts, finish=finish_of(said, parts), logprobs=_logprobs(items)),),
        usage=usage_of(said),
        service_tier=words(said, "service_tier"),
    )


def usage_of(said: Json) -> Usage | None:
    """Usage, with the hosted searches that are billed by the call."""
    block = part(said, "usage")
    if not block:
        return None
    searches = sum(item.get("type") == "web_search_call" for item in rows(said, "output"))
    return msgspec.structs.replace(read_usage(block), web_searches=searches)


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
                yield Image(Inline("image/png", data))
        case _:
            return


def read_thought(item: Json) -> Thinking:
    """Summaries (OpenAI), or the thoughts themselves (open models)."""
    texts = [words(one, "text") for one in (*rows(item, "summary"), *rows(item, "content"))]
    signature = seal("openai", words(item, "encrypted_content"))
    text = "\n\n".join(texts)
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
            start=index(one.get("start_index")),
            end=index(one.get("end_index")),
        )
    if one.get("type") == "file_citation":
        return Citation(kind="file", id=words(one, "file_id"), title=words(one, "filename"))
    return None


def _logprobs(items: Sequence[Json]) -> tuple[dict[str, Any], ...] | None:
    found = [entry for item in items for block in rows(item, "content") for entry in rows(block, "logprobs")]
    return tuple(found) or None


def encode_answer(answer: Answer, caption: Caption, asked: Json) -> bytes:
    """The `response` object a client gets: its first choice, for the dialect has one."""
    choice = answer.choices[0] if answer.choices else Choice()
    output: list[dict[str, Any]] = []
    for one in choice.parts:
        write_item(one, caption, output)
    if choice.logprobs:
        texts = [block for item in output if item["type"] == "message" for block in item["content"]]
        if texts and texts[-1]["type"] == "output_text":
            texts[-1]["logprobs"] = choice.logprobs
    return _encode(
        response_object(
            caption,
            asked,
            output,
            model=answer.model,
            finish=choice.finish or Finish("stop"),
            usage=answer.usage,
            service_tier=answer.service_tier,
        )
    )
