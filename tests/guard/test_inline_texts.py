"""Texts in base64, and texts that only look like it, in every place where a request may hold a file."""

import base64
from typing import Any

import pytest

from gateway.guard.vault import Vault
from tests.guard.doubles import Addresses, looked_at, rule, texts_of

NOTE = "Please write to ann@x.org about it.\n" * 8
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def b64(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def redacted(block: dict[str, Any]) -> Any:
    """The block as it goes out."""
    fields = {"messages": [{"role": "user", "content": [block]}]}
    texts = texts_of(fields)
    found = looked_at(texts, (rule(Addresses()),))
    return texts.redacted(found, Vault()).get("messages", fields["messages"])[0]["content"][0]


FILES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"inlineData": {"mimeType": "text/plain", "data": b64("to ann@x.org")}}, ("inlineData", "data")),
    ({"inline_data": {"mime_type": "application/json", "data": b64(NOTE)}}, ("inline_data", "data")),
    ({"type": "file", "file": {"filename": "a.txt", "file_data": b64(NOTE)}}, ("file", "file_data")),
    ({"type": "input_file", "file_data": "data:text/plain;base64," + b64(NOTE)}, ("file_data",)),
    ({"type": "input_file", "file_data": "DATA:;BASE64," + b64(NOTE)}, ("file_data",)),
    ({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": b64(NOTE)}}, ("source", "data")),
    ({"type": "input_file", "file_data": "data:text/plain;base64," + "!".join(b64(NOTE)).replace("=", "")}, ("file_data",)),
    ({"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64," + b64(NOTE)}}, ("image_url", "url")),
    ({"inlineData": {"mimeType": "text/plain", "data": b64(NOTE.encode() + b"\xff")}}, ("inlineData", "data")),
]  # fmt: skip


@pytest.mark.parametrize(("block", "way"), FILES)
def test_a_text_file_is_looked_at_and_goes_out_in_base64_again(block: dict[str, Any], way: tuple[str, ...]) -> None:
    got = redacted(block)
    sent: Any = block
    for step in way:
        got, sent = got[step], sent[step]
    before = sent.partition(",")[0] + "," if "," in sent else ""
    text = base64.b64decode(got.removeprefix(before)).decode()
    assert got.startswith(before)
    assert "ann@x.org" not in text
    assert "<EMAIL_1>" in text


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "text", "data": "mail ann@x.org " + "and so on " * 30}},
        {"type": "document", "source": {"type": "text", "data": "a" * 400 + "\nann@x.org"}},
    ],
)
def test_a_text_is_a_text_however_much_its_beginning_looks_like_data(block: dict[str, Any]) -> None:
    assert "ann@x.org" not in str(redacted(block))


def test_words_alone_are_no_data() -> None:
    """A card's digits stand among words and blanks; only what could be decoded is passed over."""
    block = {"type": "x", "data": "my number is 4111 1111 1111 1111 " + "and so on " * 30}
    texts = texts_of({"input": [block]})
    assert texts.texts == [block["data"]]
    document = {"type": "document", "source": {"type": "text", "data": "4111-1111-" * 40}}
    assert texts_of({"input": [document]}).texts == [document["source"]["data"]]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + b64(PNG)}},
        {"inlineData": {"mimeType": "application/pdf", "data": b64(b"%PDF-1.4\n1 0 obj\n" + NOTE.encode())}},
        {"type": "input_audio", "input_audio": {"data": b64(bytes(600)), "format": "pcm16"}},
        {"type": "file", "file": {"file_data": b64(PNG)}},
    ],
)
def test_pictures_sound_and_papers_are_no_text_and_go_out_as_they_came(block: dict[str, Any]) -> None:
    assert texts_of({"input": [block]}).texts == []
    assert redacted(block) == block
