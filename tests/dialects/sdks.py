"""What the official SDKs read out of bytes: their own models, and their own way of putting a stream together."""

from collections.abc import Callable
from dataclasses import dataclass

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter
from recorded import Said, arguments, events_of

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
        "".join(block.text for block in message.content if block.type == "text"),
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
    "chat": Reader(lambda body: _chat(ChatCompletion.model_validate_json(body)), _chat_stream),
    "generate": Reader(
        lambda body: _generated([GenerateContentResponse.model_validate_json(body)]),
        lambda body: _generated([GenerateContentResponse.model_validate(event) for event in events_of(body)]),
    ),
    "messages": Reader(lambda body: _message(Message.model_validate_json(body)), _message_stream),
}
