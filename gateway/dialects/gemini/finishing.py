"""Why a candidate ended: Google's words and ours.

Source: FinishReason and BlockReason at https://ai.google.dev/api/generate-content#FinishReason and in Vertex's
reference. Gemini says STOP when it calls functions; the vocabulary's word for that is `tool_calls`.
"""

from collections.abc import Mapping

from gateway.core.generation import Finish, FinishReason

_FILTERED = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION", "MODEL_ARMOR", "JAILBREAK", "ESCALATION", "PUP_LIMITED_DISABLED",
)  # fmt: skip
# Nothing was filtered and no limit reached, but the answer is not what was asked for: the detail says so.
_FAILED = (
    "OTHER", "LANGUAGE", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "IMAGE_OTHER", "NO_IMAGE",
)  # fmt: skip
REASONS: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    **dict.fromkeys(_FILTERED, "content_filter"),
    **dict.fromkeys(_FAILED, "stop"),
}
# With `enum-encoding=int`, and from clients that re-encode protos, the words come as the enum's numbers.
_NUMBERS: Mapping[int, str] = {
    1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER", 6: "LANGUAGE", 7: "BLOCKLIST",
    8: "PROHIBITED_CONTENT", 9: "SPII", 10: "MALFORMED_FUNCTION_CALL", 11: "IMAGE_SAFETY",
}  # fmt: skip
_WORDS: Mapping[FinishReason, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "pause": "OTHER",
    "context_length": "MAX_TOKENS",
}


def said_reason(value: object) -> str:
    """A `finishReason`, empty where there is none yet."""
    if isinstance(value, int):
        return _NUMBERS.get(value, "OTHER") if value else ""
    return value if isinstance(value, str) and value != "FINISH_REASON_UNSPECIFIED" else ""


def decode_finish(word: str, *, called: bool) -> Finish:
    reason = REASONS.get(word, "stop")
    return Finish("tool_calls" if called and reason == "stop" else reason, detail=word)


def encode_finish(finish: Finish | None) -> str:
    """Google's word; the upstream's own where that is one of Google's and means the same."""
    if finish is None:
        return "STOP"
    meant = REASONS.get(finish.detail)
    same = meant == finish.reason or (meant == "stop" and finish.reason == "tool_calls")
    return finish.detail if same else _WORDS[finish.reason]
