"""Images, sound and video are found wherever a client's dialect has them, and nothing else is taken for them."""

import json
from typing import Any

import pytest

from gateway.dialects.media import media
from gateway.dialects.openai.body import read_json
from tests.pipeline.test_obliging import call_of

DATA = "data:image/png;base64,AAAA"
URL = {"type": "image_url", "image_url": {"url": DATA}}
BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def found(operation: str, **fields: Any) -> list[tuple[str, str]]:
    call = call_of(operation, **fields)
    return list(media(call.operation.protocol, call.fields).items())


def said(*parts: Any, role: str = "user", **fields: Any) -> list[dict[str, Any]]:
    return [{"role": role, "content": list(parts), **fields}]


TEXT = {"type": "text", "text": "an image_url, input_audio and video/mp4 are only words here"}


@pytest.mark.parametrize(
    ("operation", "fields", "expected"),
    [
        ("chat", {"messages": [{"role": "user", "content": "draw an image"}]}, []),
        ("chat", {"messages": said(TEXT)}, []),
        ("chat", {"messages": said(TEXT, URL)}, [("image", "messages[0].content[1]")]),
        ("chat", {"messages": [*said(TEXT), *said(URL, role="tool")]}, [("image", "messages[1].content[0]")]),
        ("chat", {"messages": said({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})}, [("audio", "messages[0].content[0]")]),
        ("chat", {"messages": said({"type": "video_url", "video_url": {"url": "https://x/v.mp4"}})}, [("video", "messages[0].content[0]")]),
        ("chat", {"messages": said({"type": "file", "file": {"file_data": DATA}})}, []),
        ("messages", {"messages": said(BLOCK)}, [("image", "messages[0].content[0]")]),
        ("messages", {"messages": said({"type": "tool_result", "tool_use_id": "t", "content": [TEXT, BLOCK]})}, [("image", "messages[0].content[0].content[1]")]),
        ("messages", {"messages": said({"type": "tool_use", "id": "t", "name": "draw", "input": {"type": "image"}}, role="assistant")}, []),
        ("messages", {"messages": said({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "an image"}})}, []),
        ("responses", {"input": "an image"}, []),
        ("responses", {"input": said({"type": "input_image", "image_url": DATA})}, [("image", "input[0].content[0]")]),
        ("responses", {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": DATA}]}]}, [("image", "input[0].output[0]")]),
        ("responses", {"input": [{"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot", "image_url": DATA}}]}, [("image", "input[0].output")]),
        ("generate", {"contents": [{"parts": [{"text": "image"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}]}, [("image", "contents[0].parts[1]")]),
        ("generate", {"contents": {"parts": [{"inline_data": {"mime_type": "audio/wav", "data": "AAAA"}}]}}, [("audio", "contents.parts[0]")]),
        ("generate", {"contents": [{"parts": [{"fileData": {"mimeType": "video/mp4", "fileUri": "gs://x"}}]}]}, [("video", "contents[0].parts[0]")]),
        ("generate", {"contents": [{"parts": [{"inlineData": {"mimeType": "application/pdf", "data": "image"}}]}]}, []),
        ("embeddings", {"input": said(URL)}, []),
    ],
)  # fmt: skip
def test_what_a_request_holds(operation: str, fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert found(operation, **fields) == expected


@pytest.mark.parametrize(
    "messages", ["image", None, 7, [7, "image", None], [{"content": 7, "image": 1}], [{"content": [7, ["image"], {"type": 3}]}]]
)  # fmt: skip
def test_whatever_a_client_sends(messages: object) -> None:
    assert found("chat", messages=messages) == []


def test_what_is_nested_without_end_is_not_followed() -> None:
    part: Any = URL
    for _ in range(50):
        part = {"type": "tool_result", "content": [part]}
    assert found("messages", messages=said(part)) == []


def test_a_kind_whose_letters_are_written_by_their_numbers_is_that_kind() -> None:
    for part, kind in ((URL, "image"), ({"type": "input_audio", "input_audio": {}}, "audio")):
        written = json.dumps({"messages": said(part)})
        for word in ("image", "audio"):
            written = written.replace(word, "".join(f"\\u{ord(letter):04X}" for letter in word))
        assert list(media("chat", read_json(written.encode()))) == [kind]


def test_the_first_of_each_kind_is_told_in_their_order() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    expected = [("audio", "messages[0].content[0]"), ("image", "messages[0].content[1]")]
    assert found("chat", messages=said(sound, URL, URL, sound)) == expected


def test_lists_in_lists_are_no_parts_and_are_not_followed() -> None:
    """They would cost a frame of the interpreter each, and there is room for as many as JSON may be deep."""
    nested: Any = [URL]
    for _ in range(60):
        nested = [nested]
    assert found("chat", messages=nested) == []
    assert found("chat", messages=said([URL])) == []
