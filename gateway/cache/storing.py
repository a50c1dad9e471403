"""May this call's answer be given again, and may this answer be kept?"""

import re
from collections.abc import Mapping
from typing import Any, cast

from gateway.core.call import Call

# Whole requests and answers in JSON or sound; a form is made anew for every request, and has files in it.
OPERATIONS = frozenset(
    {
        *("chat", "completions", "responses", "messages", "generate"),
        *("embeddings", "moderations", "rerank", "count_tokens"),
        *("images", "speech"),
    }
)
_GENERATING = frozenset({"chat", "completions", "responses", "messages", "generate", "images", "speech"})
_OF_STORED = frozenset({"previous_response_id", "store"})
_CONFIGS = ("generationConfig", "generation_config")
# Why an answer ended that would end so again, in any dialect's words, in lower case. What an upstream filtered, what it
# failed at, and words that nobody here knows, are not given to others.
_ENDED = frozenset(
    {
        *("", "stop", "length", "tool_calls", "function_call", "stop_sequence", "end_turn", "max_tokens", "tool_use"),
        *("completed", "complete", "max_output_tokens", "eos", "eos_token"),
    }
)
# A quotation mark inside a text has a backslash before it. Looked for only where the word is there at all.
_WORD = b'"error"'
_ERROR = re.compile(rb'(?<!\\)"error"\s*:\s*[{"\[]')


def why_not_asked(call: Call) -> str:
    """Why the call is not to be answered from a cache, nor its answer kept; empty if it may be."""
    if not call.keep_content:
        return "its content may not be kept"
    name, fields = call.operation.name, call.fields
    if call.operation.multipart or name not in OPERATIONS:
        return "its operation is not cached"
    of_stored = fields.among(_OF_STORED)
    if call.recalled is not None or (of_stored and fields.get("previous_response_id") is not None):
        return "it goes on from an earlier response"
    if name == "responses" and fields.get("store") is not False:
        return "its response is stored"
    if name == "chat" and of_stored and fields.get("store"):
        return "it is to be stored"
    if '"hosted_tools"' in call.record.attributes:
        return "the provider's own tools look at the world"
    return ""


def is_deterministic(call: Call) -> bool:
    """Whether the request asks for the same answer every time: temperature 0, or a seed. What generates nothing
    does."""
    if call.operation.name not in _GENERATING:
        return True
    places: list[Mapping[str, Any]] = [
        cast(Mapping[str, Any], config) for name in _CONFIGS if isinstance(config := call.fields.get(name), Mapping)
    ]
    temperatures = [call.fields.get("temperature"), *(one.get("temperature") for one in places)]
    seeds = [call.fields.get("seed"), *(one.get("seed") for one in places)]
    # `True == 1`, and `False == 0`: neither is a temperature.
    zero = any(one == 0 and not isinstance(one, bool) for one in temperatures)
    return zero or any(one is not None for one in seeds)


def of_its_targets(call: Call) -> bool:
    """Whether one of the targets answers that stand in the call's key, and not one of another name that it fell back
    to: that may be refused to those who have the key as well, and is no answer of the model they ask for."""
    target = call.record.target
    for one in call.permits:  # noqa: SIM110  no generator: every answer comes by here
        if one.model.place == target:
            return True
    return False


def may_keep(call: Call, body: bytes) -> bool:
    """Whether the answer, as it has ended, may be given to others."""
    served = call.served
    usage = served.usage
    searched = usage is not None and bool(usage.web_searches or usage.file_searches or usage.code_sessions)
    return (
        call.keep_content
        and served.finish_reason.casefold() in _ENDED
        and not searched
        and not served.searches
        and (_WORD not in body or _ERROR.search(body) is None)
    )
