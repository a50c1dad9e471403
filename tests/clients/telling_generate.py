"""Google's generateContent, as an upstream answers and streams them, and as it reads a request."""

import base64
from typing import Any

from gateway.testing import event
from tests.clients.telling import SIGNATURE, Body, pieces, text_of
from tests.clients.words import Heard, Pairing, Turn


def gemini_chunk(parts: list[Body], **more: Any) -> Body:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": "real-generate", "responseId": "r1"}


def gemini_parts(turn: Turn) -> list[Body]:
    """Of parallel calls the first is signed."""
    parts: list[Body] = [{"text": turn.text}] if turn.text else []
    for index, (name, args) in enumerate(turn.calls):
        signed = {} if index else {"thoughtSignature": SIGNATURE}
        parts.append({"functionCall": {"name": name, "args": args}, **signed})
    return parts


def gemini_usage(turn: Turn) -> Body:
    into, out = turn.used
    return {"usageMetadata": {"promptTokenCount": into, "candidatesTokenCount": out, "totalTokenCount": into + out}}


def gemini_whole(turn: Turn) -> Body:
    return {**gemini_chunk(gemini_parts(turn), finishReason="STOP"), **gemini_usage(turn)}


def gemini_events(turn: Turn) -> list[bytes]:
    parts = [part for part in gemini_parts(turn) if "text" not in part]
    chunks = [gemini_chunk([{"text": piece}]) for piece in pieces(turn.text)]
    chunks += [gemini_chunk([part]) for part in parts]
    return [
        event(chunk) for chunk in [*chunks, {**gemini_chunk([{"text": ""}], finishReason="STOP"), **gemini_usage(turn)}]
    ]


def gemini_heard(body: Body) -> Heard:
    """Its calls may go without ids: then results answer them in order. All calls of a turn but the first may be
    unsigned; the first is refused without a signature."""
    assert "model" not in body
    assert "stream" not in body
    told, before, calls = Pairing(), "model", list[tuple[str, str]]()
    for content in body["contents"]:
        role = content.get("role", "user")
        assert role in ("user", "model")
        assert role != before, "the two take turns"
        before = role
        if role == "model":
            calls = []
        for part in content["parts"]:
            if call := part.get("functionCall"):
                assert calls or part.get("thoughtSignature"), "the first call of a turn is signed"
                calls.append((call.get("id") or f"#{len(calls)}", call["name"]))
                told.call(calls[-1][0], call["name"], call.get("args") or {})
            elif result := part.get("functionResponse"):
                (response,) = result["response"].values()
                number, name = calls.pop(0)
                assert result["name"] == name
                assert number.startswith("#") or result.get("id") == number
                told.answer(number, response)
            elif data := part.get("inlineData"):
                assert (data.get("mimeType") or data["mime_type"]) == "image/png", "Google takes either spelling"
                told.show(base64.urlsafe_b64decode(data["data"].translate(_URL_SAFE)))
            else:
                told.say({"model": "assistant", "user": "user"}[role], part["text"])
    settings = body.get("generationConfig") or {}
    schema = settings.get("responseJsonSchema") or settings.get("responseSchema")
    assert schema is None or settings["responseMimeType"] == "application/json"
    tools = [one["name"] for tool in body.get("tools") or [] for one in tool["functionDeclarations"]]
    return Heard(text_of((body.get("systemInstruction") or {}).get("parts")), told.done(), tools, schema)


_URL_SAFE = str.maketrans("+/", "-_")  # Google reads, and its SDK writes, either alphabet


def gemini_refusal(status: int, text: str) -> Body:
    words = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    return {"error": {"code": status, "message": text, "status": words.get(status, "INTERNAL")}}
