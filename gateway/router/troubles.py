"""What went wrong with an upstream, and what may be done about it: one table.

trouble           means                                          same target again   another target   counts against it
rate_limited      429                                            after retry-after   yes              no: it rests
timeout           no answer in time; 408, 504, 524               –                   if repeatable    yes
unreachable       refused, reset, no such name                   if repeatable       if repeatable    yes
server_error      5xx                                            if repeatable       if repeatable    yes
broken_answer     no answer in its protocol                      if repeatable       if repeatable    yes
credentials       it refuses the gateway's key, or its bill      –                   yes              yes
not_served        it does not know the model or the operation    –                   yes              yes
context_too_long  more than the model reads                      –                   of another model no
content_filter    its filter refused the prompt                  –                   of another model no
not_expressible   it cannot be told, or cannot do, what is asked –                   yes              no
busy              our own pacing has no room                     –                   yes              no

`repeatable`: asking twice does nothing twice but cost. Where it may, only what an upstream refused without doing
anything is asked elsewhere.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from gateway.core.call import Call, Reply
from gateway.core.faults import (
    BadRequest,
    Fault,
    UpstreamBroken,
    UpstreamBusy,
    UpstreamFault,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from gateway.core.model import Attributes
from gateway.dialects.refusals import CREDENTIALS_REFUSED, INPUT_UNSUPPORTED, OPERATION_UNSUPPORTED
from gateway.router.document import Trouble


class Remedy(msgspec.Struct, frozen=True):
    """`again`, `elsewhere`: whether the same target may be asked again, or another; `done`: the upstream may have done
    the work; `other_model`: only another model can help; `counts`: it speaks against the target's health; `refused`:
    nothing failed, and the request is what it does not take."""

    again: bool = False
    elsewhere: bool = True
    done: bool = False
    other_model: bool = False
    counts: bool = False
    refused: bool = False


REMEDIES: Mapping[Trouble, Remedy] = {
    "rate_limited": Remedy(again=True),
    "timeout": Remedy(done=True, counts=True),
    "unreachable": Remedy(again=True, done=True, counts=True),
    "server_error": Remedy(again=True, done=True, counts=True),
    "broken_answer": Remedy(again=True, done=True, counts=True),
    "credentials": Remedy(counts=True),
    "not_served": Remedy(counts=True),
    "context_too_long": Remedy(other_model=True, refused=True),
    "content_filter": Remedy(other_model=True, refused=True),
    "not_expressible": Remedy(refused=True),
    "busy": Remedy(),
}
_TIMEOUTS = frozenset({408, 504, 524})
# Refused before any work: these may be asked elsewhere whatever the operation.
_UNDONE = frozenset({429, 503, 529})
_CONTEXT_CODES = frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"})
_CONTEXT = re.compile(
    r"context (length|window|size)|maximum context|prompt is too long|input is too long|too many (input )?tokens"
    r"|exceeds? the (maximum|max|model'?s).{0,40}tokens|input token count.{0,40}exceeds"
)
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "responsible_ai_policy_violation"})
_FILTER = re.compile(r"content management policy|content.?filter|safety (system|policy)|blocked by.{0,20}guardrail")
# Of what it cannot read or do (`dialects/refusals.py`), also where another gateway says so; others in words: vLLM,
# OpenAI, llama.cpp.
_UNABLE_CODES = frozenset({INPUT_UNSUPPORTED, OPERATION_UNSUPPORTED, "input_not_supported"})
_UNABLE = re.compile(
    r"is not a multimodal model|image_url is only supported by certain models|^failed to parse (messages|tools):"
)
_UNKNOWN_CODES = frozenset({"model_not_found", "deploymentnotfound", "not_found_error", "operation_not_offered"})
_ACCOUNT_CODES = frozenset(
    {CREDENTIALS_REFUSED, "insufficient_quota", "billing_hard_limit_reached", "account_deactivated"}
)
_REPEATABLE = frozenset(
    {"chat", "completions", "messages", "generate", "embeddings", "moderations", "rerank", "count_tokens", "responses"}
)
# Tools that a provider runs itself and that only read: others may send, book, delete.
_READING = frozenset({"web_search", "web_search_preview", "google_search", "google_search_retrieval", "file_search"})
_LOOKED_AT = 16_384
_attributes = msgspec.json.Decoder(Attributes).decode


def repeatable(call: Call) -> bool:
    """Whether asking twice does nothing twice, apart from what it costs."""
    if call.operation.name not in _REPEATABLE:
        return False
    if call.operation.name == "responses" and (call.fields.get("background") or call.fields.get("conversation")):
        return False
    said = call.record.attributes
    return "hosted_tools" not in said or _READING.issuperset(_attributes(said).hosted_tools)


def trouble_of_fault(fault: Fault) -> Trouble | None:
    """What an upstream's failure is; None if it is none of an upstream's."""
    if isinstance(fault, UpstreamRefused):
        return _of_status(fault.status, fault.code, fault.message)
    if isinstance(fault, UpstreamTimeout):
        return "timeout"
    if isinstance(fault, UpstreamUnreachable):
        return "unreachable"
    if isinstance(fault, UpstreamBroken):
        return "broken_answer"
    if isinstance(fault, UpstreamBusy):
        return "busy"
    if isinstance(fault, UpstreamFault):
        return "credentials" if fault.code == CREDENTIALS_REFUSED else "server_error"
    if isinstance(fault, BadRequest):
        return "not_expressible"
    return None


def trouble_of_reply(reply: Reply) -> Trouble | None:
    """What an upstream's own error answer is; None for an answer, and for an error that is the caller's to mend."""
    if reply.status < 400:
        return None
    code, message = _said(reply.body[:_LOOKED_AT]) if reply.status < 500 else ("", "")
    return _of_status(reply.status, code, message)


def undone(trouble: Trouble, status: int) -> bool:
    """Whether the upstream did nothing, so that asking elsewhere does nothing twice."""
    return not REMEDIES[trouble].done or status in _UNDONE


def _of_status(status: int, code: str, message: str) -> Trouble | None:
    code = code.lower()
    if code in _UNABLE_CODES:
        return "not_expressible"
    if code in _ACCOUNT_CODES or status in (401, 402, 407):
        return "credentials"
    if status in (429, 529):
        return "rate_limited"
    if status in _TIMEOUTS:
        return "timeout"
    if status >= 500:
        return "server_error"
    text = message.lower()
    if code in _FILTER_CODES or _FILTER.search(text):
        return "content_filter"
    if code in _CONTEXT_CODES or status == 413 or _CONTEXT.search(text):
        return "context_too_long"
    if _UNABLE.search(text):
        return "not_expressible"
    return "not_served" if code in _UNKNOWN_CODES or status in (404, 405) else None


_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def _said(body: bytes) -> tuple[str, str]:
    """Code and message of an error in any dialect; empty where it says none."""
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", body.decode("utf-8", "replace")
    if isinstance(found, list) and found:
        found = cast(list[Any], found)[0]
    error: Any = cast(dict[str, Any], found).get("error", found) if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return "", str(error or "")
    words = cast(dict[str, Any], error)
    code = words.get("code") if isinstance(words.get("code"), str) else words.get("status") or words.get("type")
    return str(code or ""), str(words.get("message") or "")
