"""Counting a request's tokens for a client whose upstream does not count in its dialect: by our own estimate."""

from collections.abc import Callable

import msgspec

from gateway.core.call import Call, Reply
from gateway.core.usage import Usage
from gateway.limits.estimate import input_tokens

ESTIMATED_HEADER = "x-gateway-estimated"


def estimated_count(call: Call, write: Callable[[int], object]) -> Reply:
    """The reply in the client's dialect, marked as an estimate: it is high rather than low."""
    call.served.usage, call.served.usage_source = Usage(), "provider"
    headers = [("content-type", "application/json"), (ESTIMATED_HEADER, "true")]
    return Reply(200, headers, msgspec.json.encode(write(input_tokens(call))))


# How each dialect says a count.
WRITERS: dict[str, Callable[[int], object]] = {
    "anthropic": lambda count: {"input_tokens": count},
    "gemini": lambda count: {"totalTokens": count},
}
