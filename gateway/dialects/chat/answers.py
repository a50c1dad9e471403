"""Whole answers: `chat.completion` objects."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.core.conversation import Citation, Image, Inline, Json, Part, Refusal, Text, Thinking, ToolCall, Url
from gateway.core.generation import Answer, Choice, Finish, FinishReason, Statement
from gateway.core.usage import Usage
from gateway.dialects.chat.thoughts import write_thoughts
from gateway.dialects.chat.usage import write_usage
from gateway.dialects.fitting import Caption
from gateway.dialects.openai.answers import terms_of
from gateway.dialects.openai.usage import read_block
from gateway.dialects.reading import answer_object, index, part, rows, whole, words
from gateway.dialects.seals import seal, shown
from gateway.dialects.sources import data_url, source_of
from gateway.dialects.statements import kept, raw_usage

_encode = msgspec.json.Encoder().encode

_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "context_length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "refusal": "refusal",
}
SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_WORDS: Mapping[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
    "context_length": "length",
}


def decode_answer(body: bytes) -> Answer:
    """An upstream's `chat.completion`.

    Raises:
        UpstreamBroken: not a JSON object.
    """
    said = answer_object(body)
    choices = sorted(rows(said, "choices"), key=lambda choice: index(choice.get("index")))
    usage = part(said, "usage")
    used, statement = read_statement(said, usage, [raw_usage(body)]) if usage else (None, Statement())
    return Answer(
        id=words(said, "id"),
        model=words(said, "model"),
        created=whole(said.get("created")),
        choices=tuple(_choice(choice) for choice in choices),
        usage=used,
        service_tier=words(said, "service_tier"),
        statement=statement,
    )


def read_statement(said: Json, block: Json, raw: Iterable[bytes]) -> tuple[Usage, Statement]:
    """What an answer or a chunk used, and what it says of that besides. `block`: its usage; `raw`: that as it came."""
    used, agrees = read_block(block)
    return used, Statement(kept(*raw), terms_of(said, block), agrees)


def _choice(block: Json) -> Choice:
    parts = tuple(_parts(part(block, "message")))
    logprobs = rows(part(block, "logprobs"), "content")
    called = any(isinstance(one, ToolCall) for one in parts)
    reason = words(block, "finish_reason")
    return Choice(parts=parts, finish=finish_of(reason, called=called), logprobs=tuple(logprobs) or None)


def finish_of(reason: str, *, called: bool) -> Finish:
    """Some upstreams say `stop` after tool calls too: the calls themselves say it better."""
    known = _REASONS.get(reason, "stop")
    if called and known == "stop":
        known = "tool_calls"
    return Finish(known, detail=reason)


def _parts(message: Json) -> Iterator[Part]:
    yield from read_upstream_thoughts(message)
    citations = tuple(read_citations(message))
    content = message.get("content")
    if isinstance(content, str) and content:
        yield Text(content, citations=citations)
    elif isinstance(content, list):  # Mistral's thinking models
        yield from _listed(rows(message, "content"))
    if refusal := words(message, "refusal"):
        yield Refusal(refusal)
    for picture in rows(message, "images"):
        yield from read_image(picture)
    for call in rows(message, "tool_calls"):
        function = part(call, "function")
        yield ToolCall(
            id=words(call, "id"),
            name=words(function, "name"),
            arguments=arguments_of(function),
            signature=signature_of(call),
        )


def _listed(blocks: Sequence[Json]) -> Iterator[Part]:
    for block in blocks:
        if block.get("type") == "thinking":
            yield Thinking(text=thinking_text(block))
        elif text := words(block, "text"):
            yield Text(text)


def thinking_text(block: Json) -> str:
    """Mistral's thinking block: a list of texts."""
    return "".join(words(inner, "text") for inner in rows(block, "thinking"))


def arguments_of(function: Json) -> str:
    """JSON text; some upstreams send the object itself."""
    value = function.get("arguments")
    if isinstance(value, dict):
        return _encode(cast(Json, value)).decode()
    return value if isinstance(value, str) else ""


def signature_of(call: Json) -> str:
    return seal("gemini", words(part(part(call, "extra_content"), "google"), "thought_signature"))


def read_upstream_thoughts(message: Json) -> Iterator[Thinking]:
    """`reasoning_content` (DeepSeek, vLLM) or `reasoning` (Groq, OpenRouter), and OpenRouter's encrypted details."""
    details = rows(message, "reasoning_details")
    if text := words(message, "reasoning_content") or words(message, "reasoning"):
        signature = next((words(one, "signature") for one in details if one.get("signature")), "")
        yield Thinking(text=text, signature=seal("openai", signature))
    for one in details:
        if one.get("type") == "reasoning.encrypted" and (data := words(one, "data")):
            yield Thinking(signature=seal("openai", data), redacted=True, id=words(one, "id"))


def read_image(block: Json) -> Iterator[Image]:
    """OpenRouter's form for generated images."""
    url = words(part(block, "image_url"), "url")
    if url.startswith(("data:", "https:")):
        yield Image(source_of(url, "images"))


def read_citations(message: Json) -> Iterator[Citation]:
    for block in rows(message, "annotations"):
        if block.get("type") == "url_citation":
            cited = part(block, "url_citation") or block
            yield Citation(
                kind="url",
                url=words(cited, "url"),
                title=words(cited, "title"),
                quote=words(cited, "content"),
                start=index(cited.get("start_index")),
                end=index(cited.get("end_index")),
            )


def encode_answer(answer: Answer, caption: Caption) -> bytes:
    """The `chat.completion` object a client gets."""
    body: dict[str, Any] = {
        "id": chat_id(answer.id, caption),
        "object": "chat.completion",
        "created": answer.created or caption.created,
        "model": answer.model or caption.model,
        "choices": [_write_choice(number, choice) for number, choice in enumerate(answer.choices)],
        "usage": None if answer.usage is None else write_usage(answer.usage),
    }
    if answer.service_tier in SERVICE_TIERS:
        body["service_tier"] = answer.service_tier
    return _encode(body)


def chat_id(said: str, caption: Caption) -> str:
    name = said or caption.id
    return name if name.startswith("chatcmpl-") else f"chatcmpl-{name}"


def _write_choice(number: int, choice: Choice) -> dict[str, Any]:
    texts = [one for one in choice.parts if isinstance(one, Text)]
    calls = [one for one in choice.parts if isinstance(one, ToolCall)]
    refusal = "".join(one.text for one in choice.parts if isinstance(one, Refusal))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(one.text for one in texts) if texts or not (calls or refusal) else None,
        "refusal": refusal or None,
        "annotations": list(_annotations(texts)),
        **write_thoughts(choice.parts),
    }
    if calls:
        message["tool_calls"] = [write_call(call) for call in calls]
    if pictures := [write_image(one) for one in choice.parts if isinstance(one, Image)]:
        message["images"] = pictures
    finish = choice.finish or Finish("stop")
    logprobs = None if choice.logprobs is None else {"content": choice.logprobs, "refusal": None}
    return {"index": number, "message": message, "logprobs": logprobs, "finish_reason": finish_word(finish)}


def finish_word(finish: Finish) -> str:
    return _WORDS[finish.reason]


def write_call(call: ToolCall) -> dict[str, Any]:
    block: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments or "{}"},
    }
    if call.signature:
        block["extra_content"] = {"google": {"thought_signature": shown(call.signature, "gemini")}}
    return block


def write_image(image: Image) -> dict[str, Any]:
    source = image.source
    url = data_url(source) if isinstance(source, Inline) else source.url if isinstance(source, Url) else ""
    return {"type": "image_url", "image_url": {"url": url}}


def _annotations(texts: Sequence[Text]) -> Iterator[dict[str, Any]]:
    """Citations of the web, placed in the text as a whole. Those of the request's own documents have no form here."""
    offset = 0
    for one in texts:
        for citation in one.citations:
            if citation.kind == "url":
                yield write_citation(citation, offset, offset + len(one.text))
        offset += len(one.text)


def write_citation(citation: Citation, start: int, end: int) -> dict[str, Any]:
    """`start` and `end`: where its part stands in the text; counts for a citation that does not say it closer."""
    if citation.start >= 0:
        start, end = start + citation.start, start + citation.end
    cited = {"url": citation.url, "title": citation.title, "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": cited}
