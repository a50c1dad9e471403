"""Every provider's error answers, as one kind of fault. The table is by HTTP status; a dialect finds the words."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.faults import Blame, UpstreamBroken, UpstreamFault, UpstreamRefused
from gateway.dialects.reading import answer_object

MAX_MESSAGE = 2_000


class _Meaning(msgspec.Struct, frozen=True):
    """What a client is told. `status`: ours, where the upstream's own would mislead; 0 keeps it."""

    code: str
    blame: Blame
    status: int = 0
    message: str = ""


CREDENTIALS_REFUSED = "upstream_credentials_refused"
_OUR_CREDENTIALS = "the upstream refused the gateway's credentials or account; an operator must see to it"

# An upstream's text about credentials or accounts can quote ours: a fixed message stands in its place.
MEANINGS: Mapping[int, _Meaning] = {
    400: _Meaning("upstream_bad_request", "caller"),
    401: _Meaning(CREDENTIALS_REFUSED, "upstream", 502, _OUR_CREDENTIALS),
    402: _Meaning(CREDENTIALS_REFUSED, "upstream", 502, _OUR_CREDENTIALS),
    403: _Meaning(CREDENTIALS_REFUSED, "upstream", 502, _OUR_CREDENTIALS),
    404: _Meaning("upstream_not_found", "caller"),
    407: _Meaning(CREDENTIALS_REFUSED, "upstream", 502, _OUR_CREDENTIALS),
    408: _Meaning("upstream_timeout", "upstream", 504),
    409: _Meaning("upstream_conflict", "upstream"),
    413: _Meaning("upstream_request_too_large", "caller"),
    422: _Meaning("upstream_bad_request", "caller", 400),
    424: _Meaning("upstream_model_failed", "upstream", 502),
    429: _Meaning("upstream_rate_limited", "upstream"),
    500: _Meaning("upstream_error", "upstream"),
    502: _Meaning("upstream_error", "upstream"),
    503: _Meaning("upstream_overloaded", "upstream"),
    504: _Meaning("upstream_timeout", "upstream"),
    529: _Meaning("upstream_overloaded", "upstream", 503),
}
_OTHER_CALLER = _Meaning("upstream_bad_request", "caller", 400)
_OTHER_UPSTREAM = _Meaning("upstream_error", "upstream", 502)
INPUT_UNSUPPORTED, OPERATION_UNSUPPORTED = "upstream_input_unsupported", "upstream_operation_unsupported"
CONTEXT_EXCEEDED = "context_length_exceeded"
# An engine that speaks to whoever runs it (llama.cpp: "try increasing it"), of what only callers can mend. What hosted
# models say is meant for callers.
_TOO_LONG = re.compile(
    r"(the )?request (\((?P<request>\d{1,12}) tokens\) )?exceeds the available context size"
    r"( \((?P<context>\d{1,12}) tokens\))?"
)
# What is answered with a 5xx, though the same request will never be served there and nothing has failed: llama.cpp's
# server says so of what a model without a projector cannot read, and of messages and tools that it cannot parse.
_NEVER_SERVED: tuple[tuple[re.Pattern[str], _Meaning], ...] = (
    (re.compile(r"(image|audio|video) input is not supported"), _Meaning(INPUT_UNSUPPORTED, "caller", 400)),
    (re.compile(r"Failed to parse (messages|tools):"), _Meaning("upstream_bad_request", "caller", 400)),
)
# What is answered with a 400, though it is our account that is refused: by Anthropic, by Google's OpenAI-compatible
# address, and by xAI, which quotes the first and last letters of the key. Told as the caller's, it would be nobody's
# failure while every call is refused.
_OUR_ACCOUNT = re.compile(
    r"your credit balance is too low|(incorrect )?api key (not valid|not found|expired|provided)", re.IGNORECASE
)
# RFC 9110, 15.6.2: it does not support what the request needs (llama.cpp: embeddings, without `--embeddings`).
_NOT_IMPLEMENTED = _Meaning(OPERATION_UNSUPPORTED, "caller", 400)
# 4xx that speak of the gateway's account, its timing or its choice of a target. All others speak of the request.
_OF_OTHERS = frozenset({401, 402, 403, 404, 405, 407, 408, 409, 424, 425, 429})
_HINTS = ("retry-after", "retry-after-ms", "x-should-retry")


def refused(
    status: int, message: str, *, kind: str = "", param: str = "", headers: Mapping[str, str] | None = None
) -> UpstreamFault:
    """The fault for an error answer.

    Args:
        status: HTTP status, or the one that the provider's documentation gives an error inside a stream.
        message: the provider's own words. kind: its own word for the error; shown as `upstream_type`.
        headers: the answer's headers, for when to try again.
    """
    meaning = _meaning(status, message)
    sizes = _sizes(message) if meaning.code == CONTEXT_EXCEEDED else {}
    hints = {name: value for name, value in (headers or {}).items() if name in _HINTS}
    return UpstreamRefused(
        meaning.message or message[:MAX_MESSAGE] or f"the upstream answered {status} without saying why",
        status=meaning.status or status,
        blame=meaning.blame,
        code=meaning.code,
        param=param or None,
        headers=hints,
        details={"upstream_status": status, **({"upstream_type": kind[:100]} if kind else {}), **sizes},
    )


def too_long(details: Mapping[str, object], model: str) -> str:
    """What a caller is told whose request is too long for a model, named as it shall be: with the numbers, if the
    engine said them."""
    has, takes = details.get("request_tokens"), details.get("context_tokens")
    if has is None or takes is None:
        return f"the request has more tokens than {model} takes; shorten it"
    return f"the request has {has} tokens, and {model} takes {takes}; shorten it"


def _sizes(message: str) -> dict[str, int]:
    found = _TOO_LONG.match(message)
    said = {} if found is None else found.groupdict()
    return {f"{name}_tokens": int(number) for name, number in said.items() if number}


def of_the_request(status: int) -> bool:
    """Whether an error answer of this status says that the request itself is wrong: the caller's to mend, and no
    failure of who says it."""
    return 400 <= status < 500 and status not in _OF_OTHERS


def _meaning(status: int, message: str) -> _Meaning:
    if _TOO_LONG.match(message) is not None:
        return _Meaning(CONTEXT_EXCEEDED, "caller", 400, too_long(_sizes(message), "the model"))
    if status >= 500:
        for words, meaning in _NEVER_SERVED:
            if words.match(message) is not None:
                return meaning
        if status == 501 and message:  # without an error of its own it is a proxy's
            return _NOT_IMPLEMENTED
    elif status == 400 and _OUR_ACCOUNT.match(message) is not None:
        status = 401
    return MEANINGS.get(status, _OTHER_CALLER if status < 500 else _OTHER_UPSTREAM)


def error_object(body: bytes) -> dict[str, Any]:
    """An error answer's JSON object; empty if it is none (a proxy's HTML page, a bare line)."""
    try:
        return answer_object(body)
    except UpstreamBroken:
        return {}
