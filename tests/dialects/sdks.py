"""What the official SDKs read out of bytes: their own models, and their own way of putting a stream together."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.dialects.recorded import Said, arguments, events_of

_RESPONSE_EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


@dataclass
class Reader:
    whole: Callable[[bytes], Said]
    streamed: Callable[[bytes], Said]


def _chat(completion: ChatCompletion) -> Said:
    choice = completion.choices[0]
    usage = completion.usage
    cached = (usage.prompt_tokens_details.cached_tokens or 0) if usage and usage.prompt_tokens_details else 0
    calls = [call for call in choice.message.tool_calls or [] if call.type == "function"]
    return Said(
        choice.message.content or "",
        choice.message.refusal or "",
        [(call.function.name, arguments(call.function.arguments)) for call in calls],
        choice.finish_reason,
        None if usage is None else (usage.prompt_tokens, cached, usage.completion_tokens),
    )


def _chat_stream(body: bytes) -> Said:
    assert body.endswith(b"data: [DONE]\n\n")
    state = ChatCompletionStreamState()
    for event in events_of(body):
        state.handle_chunk(ChatCompletionChunk.model_validate(event))
    return _chat(ChatCompletion.model_validate(state.current_completion_snapshot.model_dump()))


def _message(message: Message) -> Said:
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    return Said(
        re.sub(r"!\[image\]\(data:[^)]*\)", "", "".join(b.text for b in message.content if b.type == "text")),
        "",
        [(block.name, block.input) for block in message.content if block.type == "tool_use"],
        message.stop_reason or "",
        (usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0), cached, usage.output_tokens),
    )


def _message_stream(body: bytes) -> Said:
    snapshot, buffers = None, dict[int, bytes]()
    for event in events_of(body):
        if event["type"] != "ping":
            said = _EVENT.validate_python(event)
            snapshot = accumulate_event(event=said, current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    return _message(Message.model_validate(snapshot.model_dump()))


def _response(response: Response) -> Said:
    usage = response.usage
    return Said(
        response.output_text,
        "".join(
            block.refusal
            for item in response.output
            if item.type == "message"
            for block in item.content
            if block.type == "refusal"
        ),
        [(item.name, arguments(item.arguments)) for item in response.output if item.type == "function_call"],
        response.status or "",
        None if usage is None else (usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens),
    )


def _response_stream(body: bytes) -> Said:
    state = ResponseStreamState(text_format=omit, input_tools=omit)
    last = None
    for number, event in enumerate(events_of(body)):
        assert event["sequence_number"] == number
        last = _RESPONSE_EVENT.validate_python(event)
        state.handle_event(last)
    assert last is not None
    if last.type == "response.completed":
        final = state._completed_response
        assert final is not None
        assert _response(Response.model_validate(final.model_dump(warnings=False))) == _response(last.response)
    assert last.type in ("response.completed", "response.incomplete")
    return _response(last.response)


def _generated(chunks: list[GenerateContentResponse]) -> Said:
    said = Said()
    for chunk in chunks:
        for candidate in [one for one in chunk.candidates or [] if not one.index]:
            for part in (candidate.content and candidate.content.parts) or []:
                if part.text and not part.thought:
                    said.text += part.text
                if part.function_call:
                    said.calls.append((part.function_call.name or "", part.function_call.args))
        if usage := chunk.usage_metadata:
            output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
            said.used = (usage.prompt_token_count or 0, usage.cached_content_token_count or 0, output)
    return said


READERS: dict[str, Reader] = {
    "responses": Reader(lambda body: _response(Response.model_validate_json(body)), _response_stream),
    "chat": Reader(lambda body: _chat(ChatCompletion.model_validate_json(body)), _chat_stream),
    "generate": Reader(
        lambda body: _generated([GenerateContentResponse.model_validate_json(body)]),
        lambda body: _generated([GenerateContentResponse.model_validate(event) for event in events_of(body)]),
    ),
    "generate-array": Reader(
        lambda body: _generated([GenerateContentResponse.model_validate_json(body)]),
        lambda body: _generated([GenerateContentResponse.model_validate(event) for event in json.loads(body)]),
    ),
    "messages": Reader(lambda body: _message(Message.model_validate_json(body)), _message_stream),
}
